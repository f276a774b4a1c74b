"""Output of `nas train` on the trained networks, on the screen and as JSON."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nas.cli import output
from nas.cli.search_result import print_files
from nas.cost import total_cost
from nas.results import StudyResults, recorded_scores, trial_notes
from nas.space import parse_input
from nas.stats import Summary
from nas.study import Trial
from nas.units import duration, percent
from nas.workflows import FinishedStudy

_COLUMNS = {
    "name": "network", "trial": "trial", "seed": "seed", "val": "val error", "test": "test error",
    "top5": "test top-5 error", "time": "time", "note": "",
}  # fmt: skip


def document(finished: FinishedStudy, seconds: float) -> dict[str, Any]:
    """Return the result as `--json` prints it; errors are shares in [0, 1].

    `seconds` is the duration of the run. The paths of moved weights are outdated.
    """
    found = finished.results
    spec = found.spec
    networks = []
    for number, trials in found.trainings.items():
        tests = found.test_values(number)
        networks.append(
            {
                **_network(found, trials[0]),
                "test_error": asdict(Summary.of(tests)) if tests else None,
                "runs": [_run(found, trial, finished.report.parents[1]) for trial in trials],
            }
        )
    return {
        "study": spec.name,
        "task": spec.task,
        "recipe": spec.recipe,
        "epochs": spec.ladder.max_epochs,
        "seconds": round(seconds, 3),
        "networks": networks,
        "verdicts": found.verdicts,
        "report": str(finished.report),
        "export": [str(path) for path in finished.files],
    }


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
    output.table("", _COLUMNS, rows, numbers="trial seed val test top5 time", optional="top5")
    click.echo("")
    for number, trials in found.trainings.items():
        click.echo(f"{found.spec.network_name(trials[0])}: {_summary(found.test_values(number))}")
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


def _network(found: StudyResults, trial: Trial) -> dict[str, Any]:
    """Return a network and its costs, at deployment and on the task."""
    spec, architecture = found.spec, trial.architecture
    entry = next(one for one in spec.networks if one.name == spec.network_name(trial))
    space, images = spec.space_of(architecture), parse_input(spec.task_input or spec.input)
    deployed, trained = spec.deployed(space), spec.trained(space, images)
    scores = recorded_scores(found.reports).get(trial.number, {})
    classes = len(scores.get("class_names") or ()) or spec.classes
    return {
        "name": entry.name,
        "origin": entry.origin,
        "space": entry.space,
        "arch_id": trial.arch_id,
        "architecture": architecture.text,
        "cost": {
            "deployment": {
                "input": spec.input,
                "classes": spec.classes,
                "strides": deployed.text,
                "adaptation": deployed.describe(),
                **asdict(trial.cost),
            },
            "task": {
                "input": str(images),
                "classes": classes,
                "strides": trained.text,
                "adaptation": trained.describe(),
                **asdict(total_cost(spec.task_layers(architecture, images, classes))),
            },
        },
    }


def _run(found: StudyResults, trial: Trial, results: Path) -> dict[str, Any]:
    """Return one training of a network."""
    scores = recorded_scores(found.reports).get(trial.number)
    return {
        "trial": trial.number,
        "seed": trial.seed,
        "validation": {key: trial.value(key) for key in ("top1_error", "loss")},
        "test": scores,
        "seconds": trial.seconds,
        "weights": str(results / (trial.weights_path or "")),
        "weights_sha256": trial.weights_sha256,
        "note": trial_notes(found.reports).get(trial.number),
        "origin": trial.origin,
        "profile": found.reports.get(trial.number, {}).get("profile"),
    }
