"""`nas prove`: compare samplers on a table of trained networks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options, output
from nas.cli.binding import into, setting
from nas.errors import InterruptedStudyError, NasError
from nas.workflows import (
    CONFIRM,
    ETA,
    TRAININGS,
    WHOLE_TRAININGS,
    BenchReady,
    Event,
    ProveRequest,
    RunsMade,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from nas.prove import Bench, ProveResult, SamplerVerdict, SummaryRow

_FILE = click.Path(path_type=Path, dir_okay=False)


def _names(
    _ctx: click.Context, _parameter: click.Parameter, text: str | None
) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _counts(
    _ctx: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise NasError(f"{parameter.opts[0]} {text}: not all are integers.", "Write 20,50,100,200.")
    return tuple(sorted({int(part) for part in parts}))


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
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Set the ceiling on the first cost to this quantile of the rows; 0.5 is the median.",
)
@click.option(
    "--samplers",
    default=",".join(ProveRequest.samplers),
    show_default=True,
    callback=_names,
    metavar="NAMES",
    help="Samplers, separated by commas; NAME:single uses only the accuracy, NAME:multi also the "
    "costs.",
)
@setting(
    ProveRequest,
    "objectives",
    type=click.Choice(["multi", "single"]),
    help="Objectives of samplers without :single or :multi.",
)
@click.option(
    "--front",
    callback=_names,
    metavar="COSTS",
    help="Cost columns of the front, separated by commas.  [default: that of the first budget]",
)
@setting(
    ProveRequest,
    "seeds",
    type=click.IntRange(1),
    help="Number of runs for each sampler.",
)
@click.option(
    "--trainings",
    callback=_counts,
    metavar="N,…",
    help="Numbers of trainings after which scores are computed.  [default: "
    f"{','.join(map(str, TRAININGS))}; --epochs with learning curves]",
)
@click.option(
    "--epochs",
    callback=_counts,
    metavar="N,…",
    help="Numbers of epochs, of all trials together, after which scores are computed; needs "
    f"learning curves.  [default: those of {', '.join(map(str, WHOLE_TRAININGS))} trainings]",
)
@click.option(
    "--rungs",
    multiple=True,
    metavar="N,N,…",
    help="Epochs at which trials are judged; the last is full fidelity. May be given several "
    "times, to compare rungs; needs learning curves.  [default: a ninth, a third and all]",
)
@setting(
    ProveRequest,
    "eta",
    type=click.IntRange(2),
    help=f"One in ETA trials continues at each rung.  [default: {ETA}]",
)
@click.option(
    "--judge",
    multiple=True,
    type=click.Choice(["error", "inferred"]),
    help="Compare trials at a rung by their error there, or by the final error that is inferred "
    "from their curves. May be given twice, to compare both.  [default: error]",
)
@setting(
    ProveRequest,
    "workers",
    type=click.IntRange(1),
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
    help="Number of best networks that are trained again with the other seeds.  [default: "
    f"{CONFIRM}]",
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
@into("request", ProveRequest)
def prove(
    request: ProveRequest,
    csv_file: Path | None,
    md_file: Path | None,
    plot_file: Path | None,
    json_: bool,
) -> None:
    """Measure samplers on a TABLE of trained networks: regret and hypervolume after n trainings.

    TABLE is a CSV, gzipped or not, with one row for each network. A simulated search sees one seed
    of each network; the scores use the mean over all seeds. On a table with learning curves,
    trials are stopped at rungs as in a search.

    \b
    Example:
      nas prove table.csv.gz --budget 55.4M-flops --samplers predictor,tpe,tpe:single,random
      nas prove curves.csv.gz --samplers predictor --rungs 10,30,90 --rungs 23,45,90
    """
    from nas.prove import facts
    from nas.workflows import prove

    with _Screen(json_) as screen:
        result = prove(request, screen.watch)
    for file, content in ((csv_file, result.csv), (md_file, result.markdown)):
        if file and result.made:
            _write(file, content)
    if plot_file and result.made:
        from nas.figures import write_prove

        words = str(result.verdict) if result.verdict else ""
        write_prove(result.rows, facts(result.bench), words, plot_file, result.bench.setting.unit)
    if json_:
        output.echo_json(result.document())
    else:
        _print(result)
    if result.made < result.planned:
        raise InterruptedStudyError(
            f"interrupted after {result.made} of {result.planned} runs.",
            f"The same command continues from {request.resume}."
            if request.resume
            else "They are not stored; --resume FILE stores them.",
        )


class _Screen:
    """Prints the setting, and a progress bar of the runs; use it as a context manager."""

    def __init__(self, json_: bool) -> None:
        self._json = json_
        self._bar: Progress | None = None

    def __enter__(self) -> "_Screen":
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def watch(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, BenchReady) and not self._json:
            _print_setting(event.bench, event.seeds)
        elif isinstance(event, RunsMade):
            self._bar = self._bar or _started_bar()
            self._bar.update(self._bar.task_ids[0], total=event.total, completed=event.made)


def _started_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task("")
    bar.start()
    return bar


def _print_setting(bench: "Bench", seeds: int) -> None:
    """Print the setting, and the inferred columns of the table."""
    from nas.prove import facts

    for name, text in facts(bench).items():
        output.field(name, text)
    for note in bench.table.notes:
        output.field("note", note)
    counts = ", ".join(map(str, bench.setting.marks))
    output.field("runs", f"{seeds} seeds each, scored after {counts} {bench.setting.unit}\n")


def _print(result: "ProveResult") -> None:
    unit = result.bench.setting.unit
    _print_rows(result.rows, unit)
    for asks in result.asks:
        median, most = 1e3 * asks.median, 1e3 * asks.p95
        output.field("ask", f"{asks.sampler}: median {median:.1f} ms, 95 % {most:.1f} ms")
    if result.verdict:
        _print_contrasts(result.verdict, unit)
        output.field("verdict", str(result.verdict))


def _print_rows(rows: "Sequence[SummaryRow]", unit: str) -> None:
    columns = {
        "sampler": "sampler", "n": unit, "seeds": "seeds", "regret": "regret (points)",
        "volume": "HV share", "returned": "HV returned", "confirmed": "confirmed regret",
        "extra": "extra",
    }  # fmt: skip
    shown = [
        {
            "sampler": row.sampler,
            "n": row.after,
            "seeds": row.seeds,
            "regret": row.regret,
            "volume": row.volume,
            "returned": row.returned,
            "confirmed": row.confirmed or "",
            "extra": f"+{row.extra:g}" if row.confirmed else "",
        }
        for row in rows
    ]
    output.table("", columns, shown, "n seeds extra", optional="seeds returned extra confirmed")
    click.echo("")


def _print_contrasts(verdict: "SamplerVerdict", unit: str) -> None:
    columns = {"score": "score", "after": unit, "other": "against",
               "shown": f"{verdict.sampler} gains (95 %)", "verdict": ""}  # fmt: skip
    rows = [{key: getattr(contrast, key) for key in columns} for contrast in verdict.contrasts]
    click.echo("")
    output.table("", columns, rows, "after shown")


def _write(path: Path, content: Callable[[], str]) -> None:
    try:
        path.write_text(content(), encoding="utf-8")
    except OSError as error:
        raise NasError(
            f"{path} cannot be written: {error.strerror or error}.", "Give another file."
        ) from error
