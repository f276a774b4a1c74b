"""Rows of the table of trials: conversions between a `Trial` and its columns."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from nas.cost import Cost
from nas.space import Architecture
from nas.store.tables import TRIAL
from nas.study import Measurement, Trial, TrialState

FIELDS = [column for column in TRIAL.c if column.name not in ("id", "study_id")]

# Conditions for one trial, and for one trial in a given state and attempt.
OWN = (TRIAL.c.study_id == sa.bindparam("study"), TRIAL.c.number == sa.bindparam("number_"))
AT = (*OWN, TRIAL.c.state == sa.bindparam("from_"), TRIAL.c.attempt == sa.bindparam("attempt_"))


def key_at(study_id: int, number: int, attempt: int, state: TrialState) -> dict[str, Any]:
    """Return the parameters of `AT`."""
    return {"study": study_id, "number_": number, "attempt_": attempt, "from_": state.value}


def read(
    row: Mapping[str, Any], architecture: Architecture, measurements: tuple[Measurement, ...]
) -> Trial:
    """Return the trial of a row of `FIELDS`, with its parsed architecture and its measurements."""
    counted = (row["counted_madds"], row["counted_params"], row["counted_acts"])
    return Trial(
        number=row["number"],
        architecture=architecture,
        cost=Cost(row["madds"], row["params"], row["acts"], row["latency"]),
        state=TrialState(row["state"]),
        seed=row["seed"],
        reference=row["reference"],
        attempt=row["attempt"],
        lost=row["lost"],
        measurements=measurements,
        counted=None if counted[0] is None else Cost(*counted),
        fail_reason=row["fail_reason"],
        fail_detail=row["fail_detail"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        seconds=row["seconds"],
        worker=row["worker"],
        weights_path=row["weights_path"],
        weights_sha256=row["weights_sha256"],
        weights_removed_at=row["weights_removed_at"],
        proxies=None if row["proxies"] is None else json.loads(row["proxies"]),
        origin=row["origin"],
        replicate_of=row["replicate_of"],
        replicate=row["replicate"],
    )


def values_of(trial: Trial) -> dict[str, Any]:
    """Return the values of `FIELDS` for a trial."""
    return {
        "number": trial.number,
        "architecture": f"{trial.architecture.space}:{trial.architecture.text}",
        "arch_id": trial.arch_id,
        **asdict(trial.cost),
        **counted_values(trial.counted),
        "state": trial.state.value,
        "attempt": trial.attempt,
        "lost": trial.lost,
        "seed": trial.seed,
        "reference": trial.reference,
        "worker": trial.worker,
        "created_at": trial.created_at,
        "finished_at": trial.finished_at,
        "seconds": trial.seconds,
        "fail_reason": trial.fail_reason,
        "fail_detail": trial.fail_detail,
        "weights_path": trial.weights_path,
        "weights_sha256": trial.weights_sha256,
        "weights_removed_at": trial.weights_removed_at,
        "proxies": scores_text(trial.proxies),
        "origin": trial.origin,
        "replicate_of": trial.replicate_of,
        "replicate": trial.replicate,
    }


def scores_text(proxies: Mapping[str, float] | None) -> str | None:
    """Return training-free scores as JSON, as they are stored."""
    return None if proxies is None else json.dumps(dict(proxies), sort_keys=True)


def counted_values(cost: Cost | None) -> dict[str, int | None]:
    """Return the values of the columns for the cost that fvcore counts."""
    names = ("madds", "params", "acts")
    return {f"counted_{name}": None if cost is None else getattr(cost, name) for name in names}
