"""Output of `nas train` on the trained networks, on the screen."""

import click

from nas.cli import output
from nas.cli.search_result import print_files
from nas.results import figures_text, recorded_scores, trial_notes
from nas.stats import Summary
from nas.study import Trial
from nas.units import duration, percent
from nas.workflows import FinishedStudy

_COLUMNS = {
    "name": "network", "trial": "trial", "seed": "seed", "val": "", "test": "",
    "top5": "test top-5 error", "time": "time", "note": "",
}  # fmt: skip


def conclude(finished: FinishedStudy, say: bool) -> None:
    """Print each training, the errors of each network, and how they compare."""
    found = finished.results
    notes, scores = trial_notes(found.reports), recorded_scores(found.reports)
    rows = [
        {
            "name": found.spec.network_name(trial),
            "trial": trial.number,
            "seed": trial.seed,
            "val": percent(trial.value("top1_error")),
            "test": percent(scores.get(trial.number, {}).get("top1_error")),
            "top5": percent(scores.get(trial.number, {}).get("top5_error")),
            "time": duration(trial.seconds or 0.0),
            "note": "; ".join(filter(None, (notes.get(trial.number), _origin(trial)))),
        }
        for trials in found.trainings.values()
        for trial in trials
    ]
    click.echo("" if say else None, nl=say)
    short = found.metric.short
    columns = _COLUMNS | {"val": f"val {short}", "test": f"test {short}"}
    output.table("", columns, rows, numbers="trial seed val test top5 time", optional="top5")
    click.echo("")
    for number, trials in found.trainings.items():
        said = figures_text(found, number) or _summary(found.test_values(number))
        click.echo(f"{found.spec.network_name(trials[0])}: {said}")
    for line in found.verdicts:
        click.echo(f"{found.spec.network_name(finished.best)}: {line}")
    if say:
        click.echo("")
        print_files(finished, "nothing")


def _summary(errors: list[float]) -> str:
    if not errors:
        return "not tested"
    found = Summary.of(errors)
    spread = f", standard deviation {100 * found.deviation:.2f} points" if found.deviation else ""
    return f"test error {percent(found.mean)}{spread} (n = {found.n})"


def _origin(trial: Trial) -> str:
    return f"reused from {trial.reused}" if trial.reused else ""
