"""Trainings as the store keeps them: entered by `nas train`, listed, shown, and made a page."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from nas.cli import output
from nas.units import duration, percent

if TYPE_CHECKING:
    from nas.cli.training import Subject, Trained, TrainingPlan
    from nas.store import Training


def record_name(plan: "TrainingPlan", subject: "Subject") -> str:
    """Return the name under which replicates of a training are kept.

    It ends in a hash of everything that they share, so that trainings that differ in a field of the
    recipe or in their images have different names.
    """
    from dataclasses import replace

    from nas.space import Stated

    shared = {
        **plan.identity,
        "architecture": f"{subject.architecture.space}: {subject.architecture.text}",
        "deployment": [str(subject.deployment), subject.classes],
        "class_names": plan.task.class_names,
    }
    strides = [subject.deployed.text, subject.trained(plan.task.input).text]
    earlier = replace(subject, stated=Stated(rule=1))
    if strides != [earlier.deployed.text, earlier.trained(plan.task.input).text]:
        shared["strides"] = strides  # else the name is that of earlier versions
    digest = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:6]
    return f"{subject.folder_name}-{plan.task_name}-{plan.recipe_name}-{digest}"


def to_record(plan: "TrainingPlan", trained: "Trained") -> "Training":
    """Return the first replicate of `trained` as the store keeps it."""
    from dataclasses import asdict

    from nas.cli.training import describe, settings
    from nas.store import Training

    subject, result = trained.subject, trained.results[0]
    about = {key: value for key, value in settings(plan).items() if key != "seeds"}
    content = {
        "task": plan.task.note,
        "data": plan.task.identity.as_json(),
        "class_names": list(plan.task.class_names),
        "settings": about,
        "network": describe(plan, trained),
        "run": asdict(result),
    }
    return Training(
        name=record_name(plan, subject),
        seed=result.seed,
        arch_id=subject.architecture.arch_id,
        content=content,
        study=subject.study,
        trial=subject.trial,
    )


def replicates(trainings: "Sequence[Training]") -> "Iterator[tuple[str, list[Training]]]":
    """Yield each name with its replicates."""
    for name, group in groupby(trainings, key=lambda training: training.name):
        yield name, list(group)


def summary_rows(trainings: "Sequence[Training]") -> list[dict[str, Any]]:
    """Return one row for each name, in plain values, as `nas list --json` prints them."""
    from nas.stats import Summary

    rows = []
    for name, group in replicates(trainings):
        first = group[0].content
        errors = Summary.of([one.content["run"]["test"]["top1_error"] for one in group])
        rows.append(
            {
                "kind": "training",
                "training": name,
                "study": group[0].study,
                "trial": group[0].trial,
                "arch_id": group[0].arch_id,
                "task": first["task"].partition(" ")[0],
                "recipe": first["settings"]["recipe"],
                "epochs": first["settings"]["epochs"],
                "seeds": [one.seed for one in group],
                "test_error": errors.mean,
                "deviation": errors.deviation,
                "created_at": min(one.created_at for one in group if one.created_at),
            }
        )
    return rows


def print_summary(trainings: "Sequence[Training]") -> None:
    """Print the trainings of a database, or of a study, as a table; nothing where there is none."""
    rows = [
        {
            **row,
            "n": len(row["seeds"]),
            "test_error": percent(row["test_error"]),
            "deviation": "–" if row["deviation"] is None else f"{100 * row['deviation']:.2f}",
            "created_at": f"{row['created_at']:%Y-%m-%d %H:%M} UTC",
        }
        for row in summary_rows(trainings)
    ]
    if not rows:
        return
    columns = {
        "training": "training", "task": "task", "recipe": "recipe", "epochs": "epochs",
        "n": "seeds", "test_error": "test error", "deviation": "sd (points)",
        "created_at": "created",
    }  # fmt: skip
    click.echo("")
    output.table(
        "trained to the end (nas train)", columns, rows,
        numbers="epochs n test_error deviation", optional="created_at recipe task",
    )  # fmt: skip


def to_document(group: "Sequence[Training]") -> dict[str, Any]:
    """Return the replicates of one training as `result.json` holds them; `--json` and the page."""
    from dataclasses import asdict

    from nas.stats import Summary

    first = group[0].content
    runs = [one.content["run"] for one in group]
    errors = Summary.of([run["test"]["top1_error"] for run in runs])
    spread = (
        "" if errors.deviation is None else f", standard deviation {100 * errors.deviation:.2f}"
    )
    return {
        "schema": 1,
        "training": group[0].name,
        "task": first["task"],
        "class_names": first["class_names"],
        "settings": {**first["settings"], "seeds": ", ".join(str(one.seed) for one in group)},
        "findings": [
            f"{first['network']['name']}: test error {100 * errors.mean:.2f} %{spread} "
            f"(n = {errors.n})"
        ],
        "networks": [{**first["network"], "test_error": asdict(errors), "runs": runs}],
    }


def show(group: "Sequence[Training]", json_: bool, profile: bool = False) -> None:
    """Print one training, as `nas show` does; with `profile` only where its time went.

    Raises:
        NasError: with `profile`, that was not measured.
    """
    if profile and not json_:  # in JSON each run has its profile
        _show_profile(group)
    elif json_:
        output.echo_json(to_document(group))
    else:
        print_training(group)


def _show_profile(group: "Sequence[Training]") -> None:
    from nas.cli.profile import print_profiles
    from nas.errors import NasError

    found = [run["profile"] for run in (one.content["run"] for one in group) if run.get("profile")]
    if not found:
        raise NasError(
            f"{group[0].name} was trained without --profile.", "Train it again with nas train."
        )
    print_profiles(found, "training")


def print_training(group: "Sequence[Training]") -> None:
    """Print one training: the network, how it was trained, and every replicate."""
    found = to_document(group)
    network = found["networks"][0]
    output.field("training", found["training"])
    output.field("network", f"{network['name']}: {network['architecture']}")
    if network["study"]:
        output.field("of", f"trial {network['trial']} of the study {network['study']}")
    for place, name in (("counted at", "deployment"), ("trained at", "task")):
        cost = network["cost"][name]
        output.field(
            place,
            f"{cost.get('adaptation', cost['input'])}, {cost['classes']} classes: "
            f"{cost['madds']:,} madds, "
            f"{cost['params']:,} params",
        )
    output.field("task", found["task"])
    for key, value in found["settings"].items():
        for line in str(value).strip().splitlines():
            output.field("" if key == "recipe text" else key, line)
    rows = [
        {
            "seed": run["seed"],
            "val": percent(run["validation"]["top1_error"]),
            "test": percent(run["test"]["top1_error"]),
            "top5": percent(run["test"].get("top5_error")),
            "time": duration(run["seconds"]),
            "weights": run["weights"],
        }
        for run in network["runs"]
    ]
    columns = {
        "seed": "seed", "val": "val error", "test": "test error", "top5": "test top-5 error",
        "time": "time", "weights": "weights",
    }  # fmt: skip
    click.echo("")
    output.table("", columns, rows, numbers="seed val test top5 time", optional="weights")
    click.echo(f"\n{found['findings'][0]}")
