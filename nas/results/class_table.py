"""The metrics of one network for each class of its task, as a table and as plain data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.metrics import metric
from nas.results.findings import StudyResults, recorded_scores
from nas.study import ByClass, Trial
from nas.units import plural

ALL = "all"  # the row of the metrics over all classes


@dataclass(frozen=True)
class ClassTable:
    """Metrics of a network on one split: columns are metrics, rows the classes after `ALL`."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def class_values(found: StudyResults, trial: Trial) -> dict[str, list[dict[str, Any]]]:
    """Return the recorded metrics by split, for each training of the network of `trial`.

    Each has `trial`, `all` (metrics by name) and `by_class`. Splits and trainings without metrics
    by class are left out. A further seed has its own training only.
    """
    tests, values = recorded_scores(found.reports), dict[str, list[dict[str, Any]]]()
    for own in found.own(trial.number) or (trial,):
        test = tests.get(own.number, {})
        if own.final is not None and own.final.by_class:
            _add(values, "validation", own, own.final.metrics, own.final.by_class)
        if test.get("by_class"):
            _add(values, "test", own, test, test["by_class"])
    return values


def _add(values: dict[str, Any], split: str, own: Trial, metrics: Any, by_class: ByClass) -> None:
    row = {"trial": own.number, ALL: dict(metrics), "by_class": dict(by_class)}
    values.setdefault(split, []).append(row)


def class_tables(found: StudyResults, trial: Trial) -> tuple[ClassTable, ...]:
    """Return a table of each split with `class_values`, as means over the trainings."""
    return tuple(
        _table(found, split, trainings) for split, trainings in class_values(found, trial).items()
    )


def _table(found: StudyResults, split: str, trainings: list[dict[str, Any]]) -> ClassTable:
    several = [training["by_class"] for training in trainings]
    classes = dict.fromkeys(name for each in several for name in each)
    measured = {key for each in several for values in each.values() for key in values}
    names = [name for name in found.spec.metrics if name in measured]
    rows = [(ALL, [training[ALL] for training in trainings])]
    rows += [(name, [each[name] for each in several if name in each]) for name in classes]
    seeds = f", means over {plural(len(trainings), 'seed')}" if len(trainings) > 1 else ""
    return ClassTable(
        f"By class on the {split} split{seeds}",
        ("class", *(metric(name).short for name in names)),
        tuple((label, *(_mean(own, name) for name in names)) for label, own in rows),
    )


def _mean(several: list[dict[str, float]], name: str) -> str:
    values = [own[name] for own in several if name in own]
    return metric(name).show(float(np.mean(values)) if values else None)
