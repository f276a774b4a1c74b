"""Records: the trials of a study as plain data, for tables, JSON, CSV and data frames."""

from typing import Any

from nas.results.findings import Estimate, StudyResults
from nas.study import Trial


def trial_record(trial: Trial, found: StudyResults) -> dict[str, Any]:
    """Return one trial as plain data; errors are shares in [0, 1], on the validation split.

    For a complete candidate or reference, `top1_error` and `loss` are means over its `seeds`, with
    the 95 % interval of the error; `observed_top1_error` belongs to its first seed, as the search
    saw it, `further_top1_error` is the mean of the others. `test_…` are the same on the test split,
    if it was tested. For any other trial they are the last measurement. `standing` is the position
    of a complete candidate among the others.
    """
    last = trial.last
    error, loss = found.estimate(trial.number), found.estimate(trial.number, "loss")
    further, standing = found.further(trial.number), found.standing(trial.number)
    return {
        "trial": trial.number,
        "name": trial.reference,
        "family": trial.architecture.space,
        "state": trial.state.value,
        "standing": standing.value if standing else None,
        "best": found.best is not None and found.best.number == trial.number,
        **_estimate("", error),
        "top1_error": error.mean if error else last.top1_error if last else None,
        "observed_top1_error": last.top1_error if last else None,
        "further_top1_error": further.mean if further else None,
        **_estimate("test_", found.test(trial.number)),
        "loss": loss.mean if loss else last.loss if last else None,
        "epochs": last.epoch if last else 0,
        "madds": trial.cost.madds,
        "params": trial.cost.params,
        "acts": trial.cost.acts,
        "latency_ns": trial.cost.latency or None,
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
    }


def _estimate(prefix: str, own: Estimate | None) -> dict[str, Any]:
    return {
        f"{prefix}top1_error": own.mean if own else None,
        f"{prefix}top1_error_low": own.low if own else None,
        f"{prefix}top1_error_high": own.high if own else None,
        f"{prefix}seeds": own.n if own else None,
        f"{prefix}images": own.images if own else None,
    }
