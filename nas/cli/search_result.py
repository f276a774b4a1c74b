"""The result of a finished search as text."""

import time
from collections.abc import Mapping

import click

from nas.cli import STARTED, output, study_tables
from nas.cli.front import print_front
from nas.metrics import LATENCY
from nas.results import (
    MeasuredLatency,
    confirmed_lines,
    figures_text,
    measured_latencies,
    over_budget,
    study_note,
)
from nas.store import Address
from nas.study import Study, StudySpec, Trial
from nas.units import duration
from nas.workflows import FinishedStudy


def conclude(
    study: Study, finished: FinishedStudy, say: bool, further: FinishedStudy | None = None
) -> None:
    """Print the front, the best and all file locations; `say` False prints only the result."""
    spec = study.spec
    click.echo("" if say else None, nl=say)
    print_front(finished.results)
    _print_best(finished)
    if not say:
        return
    note = study_note(spec)
    if note:
        output.field("note", note)
    if further is not None:
        best = further.results.spec.network_name(further.best)
        how = "taught" if further.results.spec.teachers else "confirmed"
        output.field(f"best {how}", f"{best}, in {further.directory}")
    print_files(finished, "nothing, see below", f" for {_trials(study)}")


def print_files(finished: FinishedStudy, nothing: str, trained: str = "") -> None:
    """Print the locations of a study's files, `nothing` without an export, and the time it took."""
    output.field("report", str(finished.report))
    files = ", ".join(path.name for path in finished.files)
    output.field("exported", f"{finished.directory}: {files}" if files else nothing)
    output.field("took", f"{duration(time.monotonic() - STARTED)}{trained}")


def next_steps(database: Address, spec: StudySpec) -> None:
    """Print the commands that a user may run next."""
    name = spec.name
    one = "--best" if spec.networks else "--trial N"
    front = () if spec.networks else (f"front {name} --csv",)
    click.echo("\nnext")
    for words in (f"show {name}", *front, f"export {name} {one} -o DIR",
                  f"dashboard --study {name}"):  # fmt: skip
        click.echo(f"  {database.command(words)}")


def _trials(study: Study) -> str:
    trials = output.plural(len(study.trials), "trial")
    reused = sum(trial.origin is not None for trial in study.trials)
    return f"{trials}, {reused} of them reused" if reused else trials


def _print_best(finished: FinishedStudy) -> None:
    """Print the best and the references as a table, and whether they differ significantly."""
    found, best = finished.results, finished.best
    spec = found.spec
    epochs = output.plural(spec.ladder.max_epochs, "epoch")
    shown = study_tables.shown([best, *found.references], found)
    shown[0]["name"] = "the best"
    without = ("role", "family", "epochs", "state", "arch_id", "shape", "observed")
    columns = {"name": "", **study_tables.columns(found, without, bool(spec.latency))}
    click.echo("")
    others = " and the published references" if found.references else ""
    title = f"the best{others} ({spec.task}, {epochs})"
    output.table(title, columns, shown, study_tables.NUMBERS, "params")
    output.field("\nbest", f"trial {best.number}: {best.architecture}", 12)
    for line in found.verdicts:
        output.field(f"test {found.metric.short}", line)
    for number in found.trainings:
        if text := figures_text(found, number):
            output.field("taught", f"trial {number}: {text}")
    for label, text in confirmed_lines(found):
        output.field(label, text)
    for line in _latency_lines(spec, best, measured_latencies(spec, found.reports)):
        output.field(LATENCY.short, line)
    if best.origin:
        output.field("reused", f"measured in {best.reused}")


def _latency_lines(spec: StudySpec, best: Trial, found: Mapping[int, MeasuredLatency]) -> list[str]:
    """Return the lines about the latency of the best; empty if latency is not used."""
    if best.number not in found:
        return []
    own = found[best.number]
    table = spec.latency_tables[best.architecture.space]
    said = [
        str(own),
        f"(on {own.device}; the table is {table.accuracy})",
    ]
    over = over_budget(spec, found)
    if best.number in over:
        said.append("over the budget as measured, like every complete candidate that was measured")
    elif over:
        trials = ", ".join(map(str, sorted(over)))
        said.append(f"(over the budget as measured, so not the best: trial {trials})")
    if not own.comparable:
        said.append(f"(the table was measured on {table.device}, so that the budget holds there)")
    return said
