"""`nas show STUDY --trial N`: one network by stage, its curve, its seeds and its weights."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import click

from nas.cli import output, study_tables
from nas.metrics import LATENCY, Metric, metric
from nas.results import (
    COST_NAMES,
    SHORT_NAMES,
    ClassTable,
    StudyResults,
    class_tables,
    figures_text,
    table_value,
    task_line,
)
from nas.space import parse_input
from nas.storage import File
from nas.study import Forecast, StudySpec, Trial, last_line
from nas.units import duration, si

_MOST_EPOCHS = 40  # rows of a curve on the screen
_MOST_DETAIL = 90  # characters of the reason for the end of an attempt


def show_trial(
    found: StudyResults,
    trial: Trial,
    details: Mapping[str, Any],
    weights: Mapping[int, File | None],
    export: str,
) -> None:
    """Print all data of one trial: its `details`, and the files with the weights of each training.

    A file is None if it is missing; `export` is the command that exports the trial.
    """
    _print_facts(found, trial, details)
    click.echo("")
    _print_parts(details["parts"], trial)
    if trial.measurements:
        click.echo("")
        _print_curve(found, trial)
    for table in class_tables(found, trial):
        click.echo("")
        _print_classes(table)
    if details["attempts"]:
        click.echo("")
        _print_attempts(details["attempts"])
    if trial.final:
        click.echo("")
        _print_trainings(found.metric, details["trainings"], weights)
    if trial.fail_detail:
        click.echo(f"\n{trial.fail_detail}")
    if trial.final:
        click.echo("")
        output.field("export", export)


def _print_facts(found: StudyResults, trial: Trial, details: Mapping[str, Any]) -> None:
    spec, cost, role = found.spec, trial.cost, details["role"]
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
        "state": f"{study_tables.state(trial)} after {epochs}{spent}",
        f"val {short}": found.words(trial.number) if own else _last_value(found, trial),
        "inferred": _inferred(spec, details["inferred"]),
        f"test {short}": str(test) if test else "",
        "taught": figures_text(found, trial.number),
        "scores": ", ".join(f"{name} {score:.4g}" for name, score in details["scores"].items()),
        "note": details["note"],
    }
    for name, line in lines.items():
        if line:
            output.field(name, line)


def _inferred(spec: StudySpec, report: Mapping[str, Any] | None) -> str:
    """Return the inferred final value of a stopped trial; empty if there is none."""
    if report is None:
        return ""
    forecast = Forecast.of(report)
    trials = output.plural(forecast.complete, "complete trial")
    return f"{forecast.words(spec.ladder.max_epochs)}, by {trials} (not a measurement)"


def _last_value(found: StudyResults, trial: Trial) -> str:
    shown = found.metric.show(trial.value(found.metric.name))
    return f"{shown} (not comparable: no full training)" if shown else ""


def _print_parts(parts: Sequence[Mapping[str, Any]], trial: Trial) -> None:
    keys, total = trial.architecture.keys, trial.cost
    table = []
    for part in parts:
        chosen = {key: table_value(part[key]) for key in keys if key in part}
        shown = {key: si(part[key]) for key in COST_NAMES}
        shares = {f"{key}_share": _share(part[key], getattr(total, key)) for key in COST_NAMES}
        stride, size = part["stride"] or "", part["output"] or ""
        table.append({**part, **chosen, **shown, **shares, "stride": stride, "output": size})
    ends = {"part": "total", **{key: si(getattr(total, key)) for key in COST_NAMES}}
    columns = {"part": "stage", **{key: SHORT_NAMES.get(key, key) for key in keys}}
    columns |= {"stride": "stride", "output": "output"}
    for key in COST_NAMES:
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
    metrics = {name: metric(name) for name in found.spec.metrics} | {
        found.metric.name: found.metric
    }
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


def _print_classes(table: ClassTable) -> None:
    columns = {str(place): header for place, header in enumerate(table.headers)}
    rows = [dict(zip(columns, row, strict=True)) for row in table.rows]
    output.table(f"{table.title}:", columns, rows, " ".join(list(columns)[1:]))


def _print_attempts(attempts: Sequence[Mapping[str, Any]]) -> None:
    """Print every start of the trial; the whole detail of a failure is printed with the trial."""
    table = [
        {
            **one,
            "began": f"{one['began_at']:%Y-%m-%d %H:%M:%S}",
            "spent": duration(one["device_seconds"]) if one["device_seconds"] is not None else "",
            "node": one["node"] or "",
            "device": one["device"] or "",
            "outcome": (one["outcome"] or "running").lower(),
            "why": _reason(one["reason"], one["detail"]),
        }
        for one in attempts
    ]
    columns = {
        "attempt": "attempt", "began": "began (UTC)", "node": "node", "device": "device",
        "spent": "device time", "outcome": "outcome", "why": "reason",
    }  # fmt: skip
    output.table("", columns, table, "attempt spent")


def _reason(reason: str | None, detail: str | None) -> str:
    """Return why an attempt ended, with the last line of its detail; empty if it completed."""
    told = last_line(detail)[:_MOST_DETAIL].rstrip(".")
    words = (reason or "").replace("_", " ")
    return f"{words}: {told}" if told else words


def _print_trainings(
    metric: Metric, trainings: Sequence[Mapping[str, Any]], files: Mapping[int, File | None]
) -> None:
    table = [
        {
            **one,
            "state": one["state"].lower(),
            "value": metric.show(one[metric.column]),
            "test": metric.show(one["test"][metric.name]) if one["test"] else "",
            "weights": _place(one, files[one["trial"]]),
        }
        for one in trainings
    ]
    columns = {
        "trial": "trial", "seed": "seed", "state": "state", "value": f"val {metric.short}",
        "test": f"test {metric.short}", "weights": "weights",
    }  # fmt: skip
    output.table("", columns, table, "trial seed value test", "state seed")


def _place(training: Mapping[str, Any], file: File | None) -> str:
    recorded, removed = training["weights"], training["weights_removed_at"]
    if recorded is None:
        return "none"
    if removed is not None:
        return f"removed after the study, {removed:%Y-%m-%d}"
    return f"{recorded} (missing)" if file is None else str(file)
