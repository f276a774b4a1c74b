"""The verdict: what a finished search says on the screen and as JSON."""

import time
from dataclasses import asdict
from typing import Any

import click

from nas import results
from nas.budget import si
from nas.cli import STARTED, output, rows
from nas.cli.finish import Shipped
from nas.cli.front import print_front
from nas.cli.measured import lines as latency_lines
from nas.confirm import confirmed
from nas.replicates import Summary
from nas.spec import StudySpec
from nas.spec_text import study_note
from nas.store import Store
from nas.study import Study
from nas.trial import Trial
from nas.units import duration, percent


def document(study: Study, shipped: Shipped, seconds: float) -> dict[str, Any]:
    """Return the result as `--json` prints it; `seconds` is what the run took."""
    spec, means = study.spec, confirmed(study.trials)
    references = [trial for trial in study.trials if trial.reference]
    best = rows.trial_row(shipped.best, means)
    return {
        "study": spec.name,
        "seconds": round(seconds, 3),
        "hypervolume": results.study_hypervolume(spec, study.trials),
        "best": best | {"test": shipped.test(shipped.best), "test_errors": _test_errors(shipped)},
        "confirmed": [
            rows.trial_row(seeds.seeds[0], means)
            | {"errors": [trial.value("top1_error") for trial in seeds.seeds]}
            for seeds in means.values()
        ],
        "front": [rows.trial_row(trial, means) for trial in results.front(spec, study.trials)],
        "published": [
            rows.trial_row(trial) | {"test": shipped.test(trial)} for trial in references
        ],
        "latency": {number: asdict(each) for number, each in shipped.latency.items()},
        "reused": [trial.number for trial in study.trials if trial.origin],
        "report": str(shipped.report),
        "export": [str(path) for path in shipped.files],
    }


def conclude(study: Study, shipped: Shipped, say: bool) -> None:
    """Print the front, the best and where everything lies; `say` False leaves out the rest."""
    spec = study.spec
    click.echo("" if say else None, nl=say)
    print_front(spec, study.trials)
    click.echo(f"\n{_verdict(spec, shipped)}")
    if not say:
        return
    note = study_note(spec)
    if note:
        output.field("note", note)
    output.field("report", str(shipped.report))
    output.field("exported", f"{shipped.directory}: {', '.join(p.name for p in shipped.files)}")
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


def _verdict(spec: StudySpec, shipped: Shipped) -> str:
    best, last = shipped.best, shipped.best.last
    assert last is not None
    lines = [
        f"best: trial {best.number}, {si(best.cost.madds)} madds, {si(best.cost.params)} params",
        f"      {best.architecture}",
        *(f"      {line}" for line in _errors(spec, shipped)),
        *(f"      {line}" for line in latency_lines(spec, best, shipped.latency)),
    ]
    if best.origin:
        lines.append(f"      (measured in {best.origin.replace('/', '#')}, reused here)")
    lines += [f"      {_reference(trial, shipped)}" for trial in shipped.references]
    return "\n".join(lines)


def _errors(spec: StudySpec, shipped: Shipped) -> list[str]:
    """Return the lines on the errors of the best: as the search saw it, confirmed, tested."""
    best, seeds = shipped.best, shipped.confirmed
    epochs = output.plural(spec.ladder.max_epochs, "epoch")
    if seeds is None:
        error = percent(best.value("top1_error"))
        return [
            f"val error {error}, {_tested(shipped, best)}; {spec.task}, {epochs}, 1 seed",
            "(chosen by its validation error, so the test error is the fairer figure)",
        ]
    return [
        f"val error {seeds.words()}",
        f"{_tested_all(shipped)}; {spec.task}, {epochs}",
        "(chosen by the mean of its validation errors, so the test error is the fairer figure;",
        "± is the 95 % interval of the mean over the seeds; exported are the weights of the first)",
    ]


def _reference(trial: Trial, shipped: Shipped) -> str:
    seeds = ", 1 seed" if shipped.confirmed else ""
    return f"{trial.reference}: {si(trial.cost.madds)} madds, {_tested(shipped, trial)}{seeds}"


def _tested(shipped: Shipped, trial: Trial) -> str:
    score = shipped.scores.get(trial.number)
    if score is None:
        return "not tested"
    return f"test error {percent(score['top1_error'])} ({score['images']:.0f} images)"


def _tested_all(shipped: Shipped) -> str:
    errors = _test_errors(shipped)
    if len(errors) < 2:
        return _tested(shipped, shipped.best)
    found = Summary.of(errors)
    images = shipped.scores[shipped.best.number]["images"]
    reach = f"± {100 * (found.reach or 0.0):.2f}"
    return f"test error {percent(found.mean)} {reach} ({found.n} seeds, {images:.0f} images)"


def _test_errors(shipped: Shipped) -> list[float]:
    """Return the errors of the best on the test split, one for each of its seeds."""
    seeds = shipped.confirmed.seeds if shipped.confirmed else (shipped.best,)
    scores = [shipped.scores.get(trial.number) for trial in seeds]
    return [score["top1_error"] for score in scores if score is not None]
