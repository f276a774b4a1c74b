"""What a study has found so far: its front, its best trial, its hypervolume."""

from collections.abc import Sequence

import numpy as np

from nas.front import Points, hypervolume, non_dominated
from nas.spec import StudySpec
from nas.trial import Trial


def complete_candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that can win: measured to the last rung, and no references."""
    return [t for t in trials if t.reference is None and t.final is not None]


def losses(spec: StudySpec, trials: Sequence[Trial]) -> Points:
    """Return the objectives of measured trials, all minimised, shape (trials, objectives)."""
    rows = [[goal.loss(trial.value(goal.name) or 0.0) for goal in spec.goals] for trial in trials]
    return np.array(rows, dtype=float).reshape(len(trials), len(spec.goals))


def front(spec: StudySpec, trials: Sequence[Trial]) -> list[Trial]:
    """Return the non-dominated complete candidates, cheapest first."""
    done = complete_candidates(trials)
    keep = non_dominated(losses(spec, done))
    chosen = [trial for trial, kept in zip(done, keep, strict=True) if kept]
    return sorted(chosen, key=lambda trial: trial.cost)


def best(spec: StudySpec, trials: Sequence[Trial]) -> Trial | None:
    """Return the complete candidate with the lowest first objective; the cheaper one of equals."""
    goal = spec.goals[0]
    return min(
        complete_candidates(trials),
        key=lambda trial: (goal.loss(trial.value(goal.name) or 0.0), trial.cost),
        default=None,
    )


def study_hypervolume(spec: StudySpec, trials: Sequence[Trial]) -> float:
    """Return the hypervolume of the front against the study's fixed reference point."""
    reference = np.array(spec.reference_point, dtype=float)
    return hypervolume(losses(spec, complete_candidates(trials)), reference)
