"""The latency tables of a study: read from a file, or measured before anything else begins."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.units import duration

if TYPE_CHECKING:
    from nas.cost import Constraint, CostModel, Device, LatencyTable
    from nas.train import Runtime


def latency_device(budget: "Iterable[Constraint]", objectives: Iterable[str] = ()) -> str | None:
    """Return the device whose latency is asked for; None where none is.

    Raises:
        BudgetError: two devices are named.
    """
    from nas.errors import BudgetError
    from nas.study import latency_device

    named = {part.device for part in budget if part.cost == "latency"}
    named |= {kind for name in objectives if (kind := latency_device(name))}
    if len(named) > 1:
        raise BudgetError(
            "latency is asked for on cpu and on cuda.",
            "Name one of them in budgets and objectives.",
        )
    return next(iter(named), None)


def latency_tables(
    costs: "Sequence[CostModel]", device: str | None, given: dict[str, Any]
) -> "tuple[LatencyTable, ...]":
    """Return the tables of the spaces that `costs` count, in their order; none without a device.

    Those of `--latency-table`, if that file is there, else they are measured now, and kept in it.

    Raises:
        NasError: the device or the runtime is not here, or the file belongs to something else.
    """
    from nas.errors import NasError
    from nas.train import open_runtime

    path: Path | None = given["latency_table"]
    if device is None:
        if path:
            raise NasError(
                "--latency-table is given, but no latency is asked for.",
                "Add --budget 5ms-latency@cpu or --objective latency@cpu.",
            )
        return ()
    runtime = open_runtime(device, given["latency_runtime"], given["latency_threads"])
    if path and path.exists():
        return tuple(_fitting(read_tables(path), each, runtime, path) for each in costs)
    if path:
        _check_writable(path)
    quiet = given.get("quiet") or given["json_"]
    tables = tuple(_measured(each, runtime, not quiet) for each in costs)
    if path:
        write_tables(tables, path)
    return tables


def read_tables(path: Path) -> "list[LatencyTable]":
    """Return the tables of a file.

    Raises:
        NasError: it cannot be read, or holds something else.
    """
    from nas.cost import LatencyTable
    from nas.errors import NasError
    from nas.text_file import read_text

    text = read_text(path)
    try:
        documents = json.loads(text)
    except ValueError as error:
        raise NasError(
            f"{path} cannot be read as latency tables ({error}).",
            "Give a file that --latency-table wrote, or a new name to measure them.",
        ) from error
    each = documents if isinstance(documents, list) else [documents]
    return [LatencyTable.from_json(json.dumps(document), str(path)) for document in each]


def write_tables(tables: "Sequence[LatencyTable]", path: Path) -> None:
    """Write tables to a file."""
    path.write_text(f"[{', '.join(table.to_json() for table in tables)}]\n", encoding="utf-8")


def _fitting(
    tables: "Sequence[LatencyTable]", costs: "CostModel", runtime: "Runtime", path: Path
) -> "LatencyTable":
    """Return the table of one space, input and device.

    Raises:
        NasError: the file has none.
    """
    from nas.errors import NasError

    wanted = _identity(costs, runtime.device, costs.adaptation.text)
    found = [_kept(table, costs) for table in tables]
    for table, what in zip(tables, found, strict=True):
        if what == wanted:
            return table
    raise NasError(
        f"{path} holds {'; '.join(map(_words, found))}, not {_words(wanted)}.",
        "Give a new file name, and the table is measured now.",
    )


def _identity(costs: "CostModel", device: "Device", strides: str) -> tuple[Any, ...]:
    return costs.space.name, str(costs.input_shape), costs.classes, strides, device


def _kept(table: "LatencyTable", costs: "CostModel") -> tuple[Any, ...]:
    """Return what a table was measured for; those of earlier versions went by rule 1 of strides."""
    strides = table.strides
    if not strides and table.space == costs.space.name:
        from nas.space import adapt, parse_input

        strides = adapt(costs.space, parse_input(table.input), rule=1).text
    return table.space, table.input, table.classes, strides, table.device


def _words(what: tuple[Any, ...]) -> str:
    return f"{what[0]} at {what[1]} with {what[2]} classes, strides {what[3]}, on {what[4]}"


def _check_writable(path: Path) -> None:
    from nas.errors import NasError

    if not path.parent.is_dir():
        raise NasError(
            f"{path} cannot be written: there is no directory {path.parent}.",
            "Make the directory, or give --latency-table another name.",
        )


def _measured(costs: "CostModel", runtime: "Runtime", say: bool) -> "LatencyTable":
    from nas.train import ignore_progress, measure_table

    began = time.monotonic()
    if say:
        click.echo(
            f"measuring the latency table of {costs.space.name} on {runtime.device}", err=True
        )
    table = measure_table(costs, runtime, progress=_bar() if say else ignore_progress)
    if say:
        took = duration(time.monotonic() - began)
        click.echo(f"{len(table.units):,} units in {took}: {table.accuracy}\n", err=True)
    return table


def _bar() -> Callable[[float], None]:
    """Return what shows the share that is done, on a terminal only."""

    def show(share: float) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{100 * share:3.0f} %" + ("\n" if share >= 1 else ""), nl=False, err=True)

    return show
