"""Records: a study, its front and its trials as plain data, for tables, JSON, CSV, data frames."""

import json
from collections.abc import Mapping
from typing import Any

from nas.metrics import LATENCY, Metric, metric
from nas.results.estimate import Estimate
from nas.results.findings import StudyResults
from nas.results.taught import both_figures, taught_networks
from nas.study import StudySpec, Trial


def trial_record(trial: Trial, found: StudyResults) -> dict[str, Any]:
    """Return one trial as plain data; shares are in [0, 1], on the validation split.

    The reported metric has its own name as key, such as `top1_error`; the other metrics of the task
    follow. For a complete candidate or reference they are means over its `seeds`, with the 95 %
    interval of the first metric (`…_low`, `…_high`); `observed_…` is the value of the first seed,
    as in the search, `further_…` the mean of the others. `test_…` are the same on the test split,
    if it was tested. For any other trial they are the last measurement. `standing` is the position
    of a complete candidate among the others. A taught network also has the `figures_record`.
    """
    last, metrics = trial.last, [metric(name) for name in found.spec.metrics]
    own, first = metrics[0], metrics[0].column
    estimate = found.estimate(trial.number)
    further, standing = found.further(trial.number), found.standing(trial.number)
    return {
        "trial": trial.number,
        "name": trial.reference,
        "family": trial.architecture.space,
        "state": trial.state.value,
        "standing": standing.value if standing else None,
        "best": found.best is not None and found.best.number == trial.number,
        **_estimate("", own, estimate),
        first: _value(found, trial, own),
        f"observed_{first}": trial.value(own.name),
        f"further_{first}": further.mean if further else None,
        **_estimate("test_", own, found.test(trial.number)),
        **{other.column: _value(found, trial, other) for other in metrics[1:]},
        "epochs": last.epoch if last else 0,
        "madds": trial.cost.madds,
        "params": trial.cost.params,
        "acts": trial.cost.acts,
        LATENCY.column: trial.cost.latency or None,
        "fvcore_madds": trial.counted.madds if trial.counted else None,
        "fvcore_params": trial.counted.params if trial.counted else None,
        "arch_id": trial.arch_id,
        "architecture": trial.architecture.text,
        "seed": trial.seed,
        "attempt": trial.attempt,
        "seconds": trial.seconds,
        "fail_reason": trial.fail_reason,
        "origin": trial.origin,
        "replicate_of": trial.replicate_of,
        **figures_record(found, trial.number),
    }


def figures_record(found: StudyResults, number: int) -> dict[str, Any]:
    """Return both errors of a network that was taught, on each split; else nothing.

    The keys are `scratch_…` and `taught_…` with the names of the other values; `teachers` are
    STUDY#N.
    """
    record: dict[str, Any] = {}
    which = metric(found.spec.metrics[0])
    for split, both in both_figures(found, number).items():
        infix = "test_" if split == "test" else ""
        record["teachers"] = " ".join(both.teachers)
        record |= _estimate(f"scratch_{infix}", which, both.scratch)
        record |= _estimate(f"taught_{infix}", which, both.taught)
    return record


def record_columns(found: StudyResults) -> list[str]:
    """Return the columns of trial records in a table, without those of the choices."""
    spec = found.spec
    first, *others = (metric(name).column for name in spec.metrics)
    taught = (figures_record(found, number) for number in taught_networks(found))
    return [
        "trial", "standing", "best", first, f"{first}_low", f"{first}_high", "seeds",
        f"observed_{first}", f"test_{first}", f"test_{first}_low", f"test_{first}_high",
        "test_seeds", "test_images", *others, "epochs", "madds", "params", "acts", "fvcore_madds",
        "fvcore_params", LATENCY.column, "arch_id", "architecture", "seed", "seconds", "origin",
        *dict.fromkeys(column for record in taught for column in record),
    ]  # fmt: skip


def choice_columns(spec: StudySpec) -> list[str]:
    """Return the columns of the choices; equal stage and choice names share a column."""
    return list(
        dict.fromkeys(
            f"{stage.name}.{key}"
            for space in spec.spaces.values()
            for stage in space.stages
            for key in space.keys
        )
    )


def choice_record(trial: Trial, spec: StudySpec) -> dict[str, Any]:
    """Return the choices of one trial under `stage.choice`, such as stage3.g1."""
    architecture = trial.architecture
    stages = spec.space_of(architecture).stages
    return {
        f"{stage.name}.{key}": value
        for stage, values in zip(stages, architecture.stages, strict=True)
        for key, value in zip(architecture.keys, values, strict=True)
    }


def study_record(found: StudyResults, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return a study as plain data; `versions` are those of the libraries that trained it."""
    return {
        "study": json.loads(found.spec.to_json()),
        "versions": versions,
        "trials": [
            trial_record(trial, found) | {"fail_detail": trial.fail_detail}
            for trial in found.trials
        ],
        "reports": found.reports,
    }


def front_record(found: StudyResults) -> dict[str, Any]:
    """Return the front, the unconfirmed candidates and the references, as plain data."""
    return {
        "objectives": found.spec.objectives,
        "hypervolume": found.hypervolume,
        "reference_point": found.spec.reference_point,
        "best": trial_record(found.best, found) if found.best else None,
        "front": [trial_record(trial, found) for trial in found.front],
        "unconfirmed": [trial_record(trial, found) for trial in found.unconfirmed],
        "published": [trial_record(trial, found) for trial in found.trials if trial.reference],
    }


def _value(found: StudyResults, trial: Trial, which: Metric) -> float | None:
    """Return the mean of a metric over the seeds of a complete network, else its last value."""
    estimate = found.estimate(trial.number, which.name)
    return estimate.mean if estimate else trial.value(which.name)


def _estimate(prefix: str, which: Metric, own: Estimate | None) -> dict[str, Any]:
    column = f"{prefix}{which.column}"
    return {
        column: own.mean if own else None,
        f"{column}_low": own.low if own else None,
        f"{column}_high": own.high if own else None,
        f"{prefix}seeds": own.n if own else None,
        f"{prefix}images": own.images if own else None,
    }
