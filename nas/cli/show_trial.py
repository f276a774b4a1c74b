"""`nas show STUDY --trial N`: one network by stage, its curve, its seeds and its weights."""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from math import ceil
from pathlib import Path
from typing import Any

import click

from nas.cli import output, rows
from nas.cost import part_costs
from nas.errors import NasError
from nas.metrics import LATENCY, Metric, metric
from nas.results import (
    SHORT_NAMES,
    StudyResults,
    recorded_scores,
    table_value,
    task_line,
    trial_notes,
    trial_record,
)
from nas.space import parse_input
from nas.study import Trial
from nas.units import duration, si

_MOST_EPOCHS = 40  # rows of a curve on the screen
_COSTS = ("madds", "params", "acts")


def find(found: StudyResults, number: int, again: str) -> Trial:
    """Return the trial with this number; `again` is the command that lists all trials.

    Raises:
        NasError: the study has no such trial.
    """
    for trial in found.trials:
        if trial.number == number:
            return trial
    name, last = found.spec.name, max((trial.number for trial in found.trials), default=None)
    known = "it has none yet" if last is None else f"its trials are 0 to {last}"
    raise NasError(f"the study {name} has no trial {number}: {known}.", f"To see them: {again}")


def document(found: StudyResults, trial: Trial) -> dict[str, Any]:
    """Return all data of one trial; errors are shares in [0, 1].

    `parts` has the choices of each stage under their names, its output as channels x height x
    width, and its cost at the deployment.
    """
    return {
        "study": found.spec.name,
        **trial_record(trial, found),
        "space": trial.architecture.space,
        "role": rows.role(trial, found),
        "counted_at": {"input": found.spec.input, "classes": found.spec.classes},
        "parts": _parts(found, trial),
        "curve": _curve(trial),
        "trainings": _trainings(found, trial),
        "scores": dict(trial.proxies or {}),
        "note": trial_notes(found.reports).get(trial.number),
        "fail_detail": trial.fail_detail,
    }


def show_trial(
    found: StudyResults, trial: Trial, find_weights: Callable[[Trial], Path | None], export: str
) -> None:
    """Print all data of one trial.

    `find_weights` returns the path of its weights, None if they are missing; `export` is the
    command that exports it.
    """
    _print_facts(found, trial)
    click.echo("")
    _print_parts(found, trial)
    if trial.measurements:
        click.echo("")
        _print_curve(found, trial)
    trainings = _trainings(found, trial)
    if trial.final:
        click.echo("")
        numbers = {one["trial"] for one in trainings}
        own = {one.number: find_weights(one) for one in found.trials if one.number in numbers}
        _print_trainings(found.metric, trainings, own)
    if trial.fail_detail:
        click.echo(f"\n{trial.fail_detail}")
    if trial.final:
        click.echo("")
        output.field("export", export)


def _print_facts(found: StudyResults, trial: Trial) -> None:
    spec, cost, role = found.spec, trial.cost, rows.role(trial, found)
    space, images = spec.space_of(trial.architecture), spec.task_input
    own, short = found.estimate(trial.number), found.metric.short
    test = found.test(trial.number)
    budget = [
        f"{100 * getattr(cost, part.cost) / part.limit:.3g} % of {part}" for part in spec.budget
    ]
    latency = f", {LATENCY.show(cost.latency)} {LATENCY.label}" if spec.latency else ""
    epochs = output.plural(trial.last.epoch if trial.last else 0, "epoch")
    spent = f" in {duration(trial.seconds)}" if trial.seconds is not None else ""
    lines = {
        "trial": f"{trial.number} of {spec.name}" + (f": {role}" if role else ""),
        "network": f"{trial.architecture.space} {trial.arch_id}",
        "cost": f"{cost.madds:,} madds, {cost.params:,} params, {cost.acts:,} acts{latency}",
        "budget": ", ".join(budget),
        "counted at": f"{spec.deployed(space).describe()}, {spec.outputs}",
        "trained at": spec.trained(space, parse_input(images)).describe() if images else "",
        "task": task_line(spec),
        "state": f"{rows.state(trial)} after {epochs}{spent}",
        f"val {short}": found.words(trial.number) if own else _last_value(found, trial),
        f"test {short}": str(test) if test else "",
        "scores": ", ".join(f"{name} {score:.4g}" for name, score in (trial.proxies or {}).items()),
        "note": trial_notes(found.reports).get(trial.number, ""),
    }
    for name, line in lines.items():
        if line:
            output.field(name, line)


def _last_value(found: StudyResults, trial: Trial) -> str:
    shown = found.metric.show(trial.value(found.metric.name))
    return f"{shown} (not comparable: no full training)" if shown else ""


def _curve(trial: Trial) -> list[dict[str, Any]]:
    """Return every measurement as plain data, the metrics under their names."""
    return [
        {
            "epoch": one.epoch,
            "rung": one.rung,
            **one.metrics,
            "train_loss": one.train_loss,
            "seconds": one.seconds,
        }
        for one in trial.measurements
    ]


def _parts(found: StudyResults, trial: Trial) -> list[dict[str, Any]]:
    """Return stem, stages, head and classifier with their choices and costs."""
    spec, architecture = found.spec, trial.architecture
    space = spec.space_of(architecture)
    strides = dict(zip((s.name for s in space.stages), spec.deployed(space).stages, strict=True))
    choices = {stage.name: architecture.choices(i) for i, stage in enumerate(space.stages)}
    costs = part_costs(spec.deployed_layers(architecture))
    before = list(takewhile(lambda name: name not in choices, costs))
    after = [name for name in costs if name not in choices and name not in before]
    return [
        {
            "part": name,
            **choices.get(name, {}),
            "stride": strides.get(name) if name in costs else None,
            "output": str(costs[name][1]) if name in costs else None,
            **{key: getattr(costs[name][0], key) if name in costs else 0 for key in _COSTS},
        }
        for name in (*before, *choices, *after)  # stages of depth 0 too
    ]


def _print_parts(found: StudyResults, trial: Trial) -> None:
    keys, total = trial.architecture.keys, trial.cost
    table = []
    for part in _parts(found, trial):
        chosen = {key: table_value(part[key]) for key in keys if key in part}
        shown = {key: si(part[key]) for key in _COSTS}
        shares = {f"{key}_share": _share(part[key], getattr(total, key)) for key in _COSTS}
        stride, size = part["stride"] or "", part["output"] or ""
        table.append({**part, **chosen, **shown, **shares, "stride": stride, "output": size})
    ends = {"part": "total", **{key: si(getattr(total, key)) for key in _COSTS}}
    columns = {"part": "stage", **{key: SHORT_NAMES.get(key, key) for key in keys}}
    columns |= {"stride": "stride", "output": "output"}
    for key in _COSTS:
        columns |= {key: key, f"{key}_share": "%"}
    numbers = " ".join(key for key in columns if key not in ("part", "relu"))
    optional = "acts_share acts output stride params_share params"
    output.table("", columns, [*table, ends], numbers, optional)


def _share(part: int, total: int) -> str:
    return f"{100 * part / total:.1f}" if total else ""


def _print_curve(found: StudyResults, trial: Trial) -> None:
    """Print the curve: all epochs of a short one, of a long one the rungs and every k-th."""
    last = trial.measurements[-1]
    step = ceil(len(trial.measurements) / _MOST_EPOCHS)
    some = [
        one
        for one in trial.measurements
        if one.epoch % step == 0 or one.rung is not None or one is last
    ]
    metrics = {name: metric(name) for name in found.spec.metrics}
    table = [
        {
            "epoch": one.epoch,
            "rung": "" if one.rung is None else one.rung + 1,
            **{name: own.show(one.value(name)) for name, own in metrics.items()},
            "train_loss": f"{one.train_loss:.4f}",
            "seconds": duration(one.seconds),
        }
        for one in some
    ]
    measured = {name: f"val {own.short}" for name, own in metrics.items()}
    columns = {"epoch": "epoch", "rung": "rung", **measured}
    columns |= {"train_loss": "train loss", "seconds": "time"}
    optional = ["seconds", "train_loss", *found.spec.metrics[:0:-1]]
    output.table("", columns, table, " ".join(columns), " ".join(optional))
    if len(some) < len(trial.measurements):
        output.paragraph(f"(each {step}th epoch and the rungs; every epoch: --json)")


def _trainings(found: StudyResults, trial: Trial) -> list[dict[str, Any]]:
    """Return every training of the network in this study, one for each seed."""
    network = trial.number if trial.replicate_of is None else trial.replicate_of
    tests = recorded_scores(found.reports)
    return [
        {
            "trial": one.number,
            "seed": one.seed,
            "state": one.state.value,
            "epochs": one.last.epoch if one.last else 0,
            found.metric.column: one.value(found.metric.name),
            "test": tests.get(one.number),
            "weights": one.weights_path,
            "weights_sha256": one.weights_sha256,
        }
        for one in found.trials
        if network in (one.number, one.replicate_of)
    ]


def _print_trainings(
    metric: Metric, trainings: Sequence[dict[str, Any]], files: Mapping[int, Path | None]
) -> None:
    table = [
        {
            **one,
            "state": one["state"].lower(),
            "value": metric.show(one[metric.column]),
            "test": metric.show(one["test"][metric.name]) if one["test"] else "",
            "weights": _place(one["weights"], files[one["trial"]]),
        }
        for one in trainings
    ]
    columns = {
        "trial": "trial", "seed": "seed", "state": "state", "value": f"val {metric.short}",
        "test": f"test {metric.short}", "weights": "weights",
    }  # fmt: skip
    output.table("", columns, table, "trial seed value test", "state seed")


def _place(recorded: str | None, file: Path | None) -> str:
    if recorded is None:
        return "none"
    return f"{recorded} (missing)" if file is None else str(file)
