"""The output of `nas train` about the trained networks, on the screen."""

import click

from nas.cli import output
from nas.cli.search_result import print_files
from nas.metrics import Metric, metric
from nas.results import figures_text, recorded_scores
from nas.stats import Summary
from nas.study import Trial, trial_notes
from nas.units import duration
from nas.workflows import FinishedStudy

_COLUMNS = {"name": "network", "trial": "trial", "seed": "seed"}
_LAST = {"top5": "test top-5 error", "time": "time", "note": ""}


def conclude(finished: FinishedStudy, say: bool) -> None:
    """Print each training, the errors of each network, and how they compare."""
    found = finished.results
    notes, scores = trial_notes(found.reports), recorded_scores(found.reports)
    ours = found.metric
    tested = {name: one for name in found.spec.metrics if (one := metric(name)).unit == ours.unit}
    rows = [
        {
            "name": found.spec.network_name(trial),
            "trial": trial.number,
            "seed": trial.seed,
            "val": ours.show(trial.value(ours.name)),
            "top5": ours.show(scores.get(trial.number, {}).get("top5_error")),
            **{
                f"test_{name}": one.show(scores.get(trial.number, {}).get(name))
                for name, one in tested.items()
            },
            "time": duration(trial.seconds or 0.0),
            "note": "; ".join(filter(None, (notes.get(trial.number), _origin(trial)))),
        }
        for trials in found.trainings.values()
        for trial in trials
    ]
    click.echo("" if say else None, nl=say)
    heads = {f"test_{name}": f"test {one.short}" for name, one in tested.items()}
    columns = _COLUMNS | {"val": f"val {ours.short}"} | heads | _LAST
    if not any(row["top5"] for row in rows):
        del columns["top5"]
    numbers = ["trial", "seed", "val", *heads, "top5", "time"]
    output.table("", columns, rows, numbers=" ".join(numbers), optional="top5")
    click.echo("")
    for number, trials in found.trainings.items():
        said = figures_text(found, number) or _summary(ours, found.test_values(number))
        click.echo(f"{found.spec.network_name(trials[0])}: {said}")
    for line in found.verdicts:
        click.echo(f"{found.spec.network_name(finished.best)}: {line}")
    if say:
        click.echo("")
        print_files(finished, "nothing")


def _summary(metric: Metric, values: list[float]) -> str:
    if not values:
        return "not tested"
    found = Summary.of(values)
    spread = ""
    if found.deviation:
        points = f"{metric.number(found.deviation)} {metric.difference_unit}".rstrip()
        spread = f", standard deviation {points}"
    return f"test {metric.short} {metric.show(found.mean)}{spread} (n = {found.n})"


def _origin(trial: Trial) -> str:
    return f"reused from {trial.reused}" if trial.reused else ""
