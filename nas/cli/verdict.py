"""The verdict: what a finished search says on the screen and as JSON."""

import time
from dataclasses import asdict
from typing import Any

import click

from nas.cli import STARTED, output, rows
from nas.cli.finish import Shipped
from nas.cli.front import document as front_document
from nas.cli.front import print_front
from nas.cli.measured import lines as latency_lines
from nas.results import measured_latencies, study_note
from nas.store import Store
from nas.study import Study
from nas.units import duration


def document(study: Study, shipped: Shipped, seconds: float) -> dict[str, Any]:
    """Return the result as `--json` prints it; `seconds` is what the run took."""
    found = shipped.results
    best = rows.trial_row(shipped.best, found)
    latency = measured_latencies(found.spec, found.reports)
    return {
        "study": found.spec.name,
        "seconds": round(seconds, 3),
        **front_document(found),
        "best": best | {"test_errors": found.test_errors(shipped.best.number)},
        "confirmed": [
            rows.trial_row(own[0], found) | {"errors": [t.value("top1_error") for t in own]}
            for number, own in found.trainings.items()
            if number in found.confirmed
        ],
        "verdicts": found.verdicts,
        "latency": {number: asdict(each) for number, each in latency.items()},
        "reused": [trial.number for trial in study.trials if trial.origin],
        "report": str(shipped.report),
        "export": [str(path) for path in shipped.files],
    }


def conclude(study: Study, shipped: Shipped, say: bool) -> None:
    """Print the front, the best and where everything lies; `say` False leaves out the rest."""
    spec = study.spec
    click.echo("" if say else None, nl=say)
    print_front(shipped.results)
    _print_best(shipped)
    if not say:
        return
    note = study_note(spec)
    if note:
        output.field("note", note)
    output.field("report", str(shipped.report))
    files = ", ".join(path.name for path in shipped.files)
    output.field("exported", f"{shipped.directory}: {files}" if files else "nothing, see below")
    output.field("took", f"{duration(time.monotonic() - STARTED)} for {_trials(study)}")


def next_steps(store: Store, name: str) -> None:
    """Print what may be typed next."""
    click.echo("\nnext")
    for words in (f"show {name}", f"front {name} --csv", f"export {name} --trial N -o DIR",
                  f"dashboard --study {name}"):  # fmt: skip
        click.echo(f"  {store.command(words)}")


def _trials(study: Study) -> str:
    trials = output.plural(len(study.trials), "trial")
    reused = sum(trial.origin is not None for trial in study.trials)
    return f"{trials}, {reused} of them reused" if reused else trials


def _print_best(shipped: Shipped) -> None:
    """Print the best beside the references as a table, and what may be said of their difference."""
    found, best = shipped.results, shipped.best
    spec = found.spec
    epochs = output.plural(spec.ladder.max_epochs, "epoch")
    shown = rows.shown([best, *found.references], found)
    shown[0]["name"] = "the best"
    without = ("role", "family", "epochs", "state", "arch_id", "shape", "observed")
    columns = {"name": "", **rows.columns(found, without, bool(spec.latency))}
    click.echo("")
    beside = " and the published references" if found.references else ""
    title = f"the best{beside} ({spec.task}, {epochs})"
    output.table(title, columns, shown, rows.NUMBERS, "params")
    output.field("\nbest", f"trial {best.number}: {best.architecture}", 12)
    for line in found.verdicts:
        output.field("test error", line)
    for line in latency_lines(spec, best, measured_latencies(spec, found.reports)):
        output.field("latency", line)
    if best.origin:
        output.field("reused", f"measured in {best.origin.replace('/', '#')}")
