"""`nas prove`: samplers measured against a table of networks that others have trained."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import effects, options
from nas.errors import BudgetError, InterruptedStudyError, NasError

if TYPE_CHECKING:
    from nas.cost import Constraint
    from nas.prove import Bench, Entry, Kept, Table

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--toml", type=_FILE, help="Description of the columns.  [default: the TOML file next to TABLE]"
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="LIMIT",
    help="A ceiling on a cost column, in its unit: 55.4M-flops, 3.7-latency_ms; may be given "
    "several times.",
)
@click.option(
    "--budget-quantile",
    "quantile",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Set the ceiling on the first cost to this quantile of the rows; 0.5 is the median.",
)
@click.option(
    "--samplers",
    default="predictor,evolution,random",
    show_default=True,
    metavar="NAMES",
    help="Samplers, joined by commas; NAME:single uses the accuracy alone, NAME:multi the costs "
    "as well.",
)
@click.option(
    "--objectives",
    type=click.Choice(["multi", "single"]),
    default="multi",
    show_default=True,
    help="Objectives of samplers without :single or :multi.",
)
@click.option(
    "--front",
    metavar="COSTS",
    help="Cost columns of the front, joined by commas.  [default: that of the first budget]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Number of runs for each sampler.",
)
@click.option(
    "--trainings",
    default="20,50,100,200",
    show_default=True,
    metavar="N,…",
    help="Numbers of trainings after which scores are computed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Simulated workers that train at the same time.",
)
@click.option(
    "--reference",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Reference accuracy of the hypervolume.  [default: exceeded by 95 % of the feasible "
    "networks]",
)
@click.option(
    "--confirm",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Number of best networks that are trained again with the other seeds.",
)
@click.option(
    "--ours",
    metavar="NAME",
    help="The sampler that is compared with the others.  [default: the first]",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Number of processes.  [default: one for each core]"
)
@click.option(
    "--resume",
    "kept_in",
    type=_FILE,
    metavar="FILE",
    help="Store finished runs in this file, and skip those that it contains.",
)
@click.option("--csv", "csv_file", type=_FILE, help="Write every score of every run as CSV.")
@click.option("--md", "md_file", type=_FILE, help="Write the result as Markdown.")
@click.option("--plot", "plot_file", type=_FILE, help="Write the result as an HTML page.")
@options.as_json
@effects.refuses(*effects.PROVE)
def prove(
    table: Path,
    toml: Path | None,
    budgets: tuple[str, ...],
    quantile: float | None,
    samplers: str,
    objectives: str,
    front: str | None,
    seeds: int,
    trainings: str,
    workers: int,
    reference: float | None,
    confirm: int,
    ours: str | None,
    jobs: int | None,
    kept_in: Path | None,
    csv_file: Path | None,
    md_file: Path | None,
    plot_file: Path | None,
    json_: bool,
) -> None:
    """Measure samplers on a TABLE of trained networks: regret and hypervolume after n trainings.

    TABLE is a CSV, gzipped or not, with one row for each network. A simulated search sees one seed
    of each network; the scores use the mean over all seeds.

    \b
    Example:
      nas prove table.csv.gz --budget 55.4M-flops --samplers predictor,tpe,tpe:single,random
    """
    from nas.cli.prove_result import ProveResult, say_setting
    from nas.prove import Bench, Kept, Setting, Table, by_label

    read = Table.read(table, toml)
    effects.refuse_idle(
        "confirm",
        "" if read.replicated else f"{table.name} has one training of each network",
        "Leave --confirm out, or give a table with several.",
    )
    budget = _budget(read, budgets, quantile)
    setting = Setting(
        path=table,
        toml=toml,
        budget=budget,
        front=_front(read, budget, front),
        trainings=_counts(trainings),
        workers=workers,
        reference=reference,
        confirm=confirm,
    )
    bench = Bench(setting, read)
    entries = _entries(samplers, objectives == "single", bench)
    judged = _judged(ours, entries)
    if not json_:
        say_setting(bench, seeds)
    kept = Kept(setting, kept_in)
    tasks = [(entry, seed) for seed in range(seeds) for entry in entries]
    finished = _make(bench, kept, tasks, jobs or os.cpu_count() or 1)
    made = {key: run for key, run in kept.runs.items() if key in _keys(tasks)}
    result = ProveResult(
        bench, by_label(made, [entry.label for entry in entries]), judged if finished else None
    )
    for file, content in ((csv_file, result.csv), (md_file, result.markdown)):
        if file and made:
            _write(file, content())
    if plot_file and made:
        result.plot(plot_file)
    result.print(json_)
    if not finished:
        raise InterruptedStudyError(
            f"interrupted after {len(made)} of {len(tasks)} runs.",
            f"The same command goes on from {kept_in}."
            if kept_in
            else "Nothing is kept of them; with --resume FILE they would be.",
        )


def _budget(
    table: "Table", budgets: Sequence[str], quantile: float | None
) -> "tuple[Constraint, ...]":
    if quantile is not None:
        if budgets:
            raise BudgetError(
                "--budget and --budget-quantile are both given.", "Give one of the two."
            )
        return (table.quantile(quantile),)
    budget = tuple(table.ceiling(text) for text in budgets)
    if len({part.cost for part in budget}) < len(budget):
        raise BudgetError("two budgets limit the same cost.", "Give each cost one ceiling.")
    return budget


def _front(table: "Table", budget: "Sequence[Constraint]", text: str | None) -> tuple[str, ...]:
    """Return the names of the costs on the front."""
    if text is not None:
        names = (table.goal(name.strip()).name for name in text.split(","))
        return tuple(dict.fromkeys(names))
    first = [part.cost for part in budget] + [column.name for column in table.costs]
    return tuple(first[:1])


def _counts(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise NasError(f"--trainings {text}: not all are whole numbers.", "Write 20,50,100,200.")
    return tuple(sorted({int(part) for part in parts}))


def _entries(text: str, single: bool, bench: "Bench") -> "list[Entry]":
    """Return the samplers, each made once so that a wrong name is said at once."""
    from nas.prove import Entry
    from nas.samplers import make_sampler

    found = []
    for name in (part.strip() for part in text.split(",")):
        plain, _, last = name.rpartition(":")
        mode = last if plain and last in ("single", "multi") else ""
        entry = Entry(plain if mode else name, mode == "single" if mode else single)
        make_sampler(entry.sampler, bench.space, bench.goals(entry))
        found.append(entry)
    return list(dict.fromkeys(found))


def _judged(ours: str | None, entries: "Sequence[Entry]") -> str:
    labels = [entry.label for entry in entries]
    if ours is not None and ours not in labels:
        raise NasError(
            f"--ours {ours} is not among the samplers.", f"Give one of {', '.join(labels)}."
        )
    return ours or labels[0]


def _keys(tasks: "Sequence[tuple[Entry, int]]") -> set[tuple[str, int]]:
    return {(entry.label, seed) for entry, seed in tasks}


def _make(bench: "Bench", kept: "Kept", tasks: "Sequence[tuple[Entry, int]]", jobs: int) -> bool:
    """Make the runs that are not kept yet; False where Ctrl-C ended it early."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from nas.prove import make_runs
    from nas.samplers import make_sampler

    missing = [task for task in tasks if (task[0].label, task[1]) not in kept.runs]
    if not missing:
        return True
    console = Console(stderr=True)
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with suppress(KeyboardInterrupt), bar:
        counted = bar.add_task("", total=len(tasks), completed=len(tasks) - len(missing))
        for run in make_runs(bench.setting, missing, make_sampler, jobs):
            kept.add(run)
            bar.advance(counted)
        return True
    return False


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NasError(
            f"{path} cannot be written: {error.strerror or error}.", "Give another file."
        ) from error
