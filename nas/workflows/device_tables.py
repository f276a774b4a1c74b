"""The latency tables of a study: read from a file, or measured before the study starts."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cost import Constraint, CostModel, Device, LatencyTable
from nas.errors import BudgetError, NasError
from nas.space import adapt, parse_input
from nas.study import latency_device
from nas.text_file import read_text
from nas.workflows import events
from nas.workflows.requests import LatencyRequest

if TYPE_CHECKING:
    from nas.training import Runtime


def asked_device(budget: Iterable[Constraint], objectives: Iterable[str] = ()) -> str | None:
    """Return the device of the latency budgets and objectives; None if there are none.

    Raises:
        BudgetError: two devices are named.
    """
    named = {part.device for part in budget if part.device}
    named |= {kind for name in objectives if (kind := latency_device(name))}
    if len(named) > 1:
        raise BudgetError(
            "latency is limited or minimised on both cpu and cuda.",
            "Name one of them in budgets and objectives.",
        )
    return next(iter(named), None)


def latency_tables(
    costs: Sequence[CostModel],
    device: str | None,
    request: LatencyRequest,
    on_event: events.Watcher = events.ignore,
) -> tuple[LatencyTable, ...]:
    """Return the tables of the spaces of `costs`, in order; none without a device.

    They are read from the file of `request` if it exists, otherwise measured and written to it.

    Raises:
        NasError: the device or the runtime is not available, or the file has other tables.
    """
    path = request.table
    if device is None:
        return ()
    from nas.training import open_runtime  # loads torch

    runtime = open_runtime(device, request.runtime, request.threads)
    if path and path.exists():
        return tuple(_fitting(read_tables(path), each, runtime, path) for each in costs)
    if path:
        _check_writable(path)
    tables = tuple(_measured(each, runtime, on_event) for each in costs)
    if path:
        write_tables(tables, path)
    return tables


def read_tables(path: Path) -> list[LatencyTable]:
    """Return the tables of a file.

    Raises:
        NasError: it cannot be read, or is not a file of tables.
    """
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


def write_tables(tables: Sequence[LatencyTable], path: Path) -> None:
    """Write tables to a file."""
    path.write_text(f"[{', '.join(table.to_json() for table in tables)}]\n", encoding="utf-8")


def _fitting(
    tables: Sequence[LatencyTable], costs: CostModel, runtime: "Runtime", path: Path
) -> LatencyTable:
    """Return the table of one space, input and device.

    Raises:
        NasError: the file has no such table.
    """
    wanted = _identity(costs, runtime.device, costs.adaptation.text)
    found = [_kept(table, costs) for table in tables]
    for table, what in zip(tables, found, strict=True):
        if what == wanted:
            return table
    raise NasError(
        f"{path} contains {'; '.join(map(_words, found))}, not {_words(wanted)}.",
        "Give a new file name to measure the table.",
    )


def _identity(costs: CostModel, device: Device, strides: str) -> tuple[Any, ...]:
    return costs.space.name, str(costs.input_shape), costs.classes, strides, device


def _kept(table: LatencyTable, costs: CostModel) -> tuple[Any, ...]:
    """Return the settings of a table; tables of earlier versions use stride rule 1."""
    strides = table.strides
    if not strides and table.space == costs.space.name:
        strides = adapt(costs.space, parse_input(table.input), rule=1).text
    return table.space, table.input, table.classes, strides, table.device


def _words(what: tuple[Any, ...]) -> str:
    return f"{what[0]} at {what[1]} with {what[2]} classes, strides {what[3]}, on {what[4]}"


def _check_writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise NasError(
            f"{path} cannot be written: there is no directory {path.parent}.",
            "Make the directory, or give --latency-table another name.",
        )


def _measured(costs: CostModel, runtime: "Runtime", on_event: events.Watcher) -> LatencyTable:
    from nas.training import measure_table

    began = time.monotonic()
    on_event(events.TableBegun(costs.space.name, str(runtime.device)))
    table = measure_table(
        costs, runtime, progress=lambda share: on_event(events.TableProgress(share))
    )
    seconds = time.monotonic() - began
    on_event(events.TableMeasured(len(table.units), seconds, str(table.accuracy)))
    return table
