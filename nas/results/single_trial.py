"""All data of one trial: its role, its network by stage, its curve and its trainings."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from nas.cost import part_costs
from nas.errors import TaskError
from nas.results.class_table import class_values
from nas.results.findings import Standing, StudyResults, recorded_scores
from nas.results.records import trial_record
from nas.space import Layer
from nas.stats import difference
from nas.study import INFERRED_REPORT, Trial, TrialAttempt, trial_notes

COST_NAMES = ("madds", "params", "acts")


def trial_details(
    trial: Trial, found: StudyResults, attempts: Sequence[TrialAttempt] = ()
) -> dict[str, Any]:
    """Return all data of one trial with its `attempts`; errors are shares in [0, 1].

    `parts` has the choices of each stage under their names, its output as channels x height x
    width, and its cost at the deployment. `inferred` is the inferred final value of a stopped trial
    with its 95 % interval; it is not a measurement. `by_class` has the metrics of each class on
    each split, as in `class_values`.
    """
    return {
        "study": found.spec.name,
        **trial_record(trial, found),
        "space": trial.architecture.space,
        "role": trial_role(trial, found),
        "counted_at": {"input": found.spec.input, "classes": found.spec.classes},
        "parts": _parts(found, trial),
        "curve": _curve(trial),
        "trainings": _trainings(found, trial),
        "by_class": class_values(found, trial),
        "attempts": [_attempt(one) for one in attempts],
        "scores": dict(trial.proxies or {}),
        "note": trial_notes(found.reports).get(trial.number),
        "inferred": found.reports.get(trial.number, {}).get(INFERRED_REPORT),
        "fail_detail": trial.fail_detail,
    }


def best_layers(found: StudyResults) -> list[Layer]:
    """Return the layers of the best network at the deployment.

    There are none without a best network, or if the package that adds the task is not installed.
    """
    try:
        return found.spec.deployed_layers(found.best.architecture) if found.best else []
    except TaskError:
        return []


def _attempt(one: TrialAttempt) -> dict[str, Any]:
    """Return one attempt as plain data; times are in UTC."""
    return {
        "attempt": one.number,
        "node": one.node,
        "worker": one.worker,
        "device": one.device,
        "began_at": one.began,
        "ended_at": one.ended,
        "outcome": one.outcome.value if one.outcome else None,
        "reason": one.reason,
        "detail": one.detail,
        "device_seconds": one.device_seconds,
    }


def trial_role(trial: Trial, found: StudyResults) -> str:
    """Return the role of a trial in its study; empty for ordinary trials.

    The roles are the winner, a member of the front, an unconfirmed candidate, a published
    architecture, and a further seed of another trial.
    """
    if not trial.candidate:
        return trial.reference or further_seed(trial)
    if found.spec.networks:
        return found.spec.network_name(trial)
    if found.best is not None and found.best.number == trial.number:
        return "winner"
    standing = found.standing(trial.number)
    return "" if standing in (None, Standing.DOMINATED) else standing.value


def difference_text(found: StudyResults, one: int, other: int) -> str:
    """Return whether two networks differ in the reported metric on the validation split.

    The text contains `{one}` and `{other}` in place of their names.
    """
    first, second = (_validated(found, number) for number in (one, other))
    gap = difference(first, second) if first and second else None
    if gap is None:
        return "{one} and {other} cannot be compared: each needs two seeds or more."
    if gap.noise:
        return "{one} and {other} do not differ significantly (95 %)."
    apart = found.metric.difference(*sorted((abs(gap.low), abs(gap.high))))
    word = "lower" if gap.high < 0 else "higher"
    return f"{{one}} has a {word} {found.metric.short} than {{other}}, by {apart} (95 %)."


def _validated(found: StudyResults, number: int) -> list[float]:
    """Return the reported metric on the validation split of each complete training."""
    values = (trial.value(found.metric.name) for trial in found.own(number))
    return [value for value in values if value is not None]


def further_seed(trial: Trial) -> str:
    """Return the seed and the trial that a further seed repeats, as text; otherwise empty."""
    if trial.replicate_of is None:
        return ""
    return f"seed {trial.replicate + 1} of trial {trial.replicate_of}"


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
            **{key: getattr(costs[name][0], key) if name in costs else 0 for key in COST_NAMES},
        }
        for name in (*before, *choices, *after)  # stages of depth 0 too
    ]


def _trainings(found: StudyResults, trial: Trial) -> list[dict[str, Any]]:
    """Return every training of the network in this study, one for each seed."""
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
            "weights_removed_at": one.weights_removed_at,
        }
        for one in found.all_trainings(trial)
    ]
