"""What a study has found so far: its front, its best trial, its hypervolume.

Where candidates were confirmed with further seeds (`nas.confirm`), their means count: the best is
the best mean, and no network that was measured once is preferred to it for a luckier seed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from nas.confirm import Confirmed, confirmed
from nas.front import Points, hypervolume, non_dominated
from nas.measured import measured, over_budget
from nas.reports import Reports
from nas.spec import StudySpec
from nas.trial import Trial, TrialState


@dataclass(frozen=True, slots=True)
class Progress:
    """The share of the reference box that the front dominates after `finished` candidates."""

    finished: int
    share: float


def complete_candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that can win: measured to the last rung, and no references."""
    return [trial for trial in trials if trial.candidate and trial.final is not None]


def losses(
    spec: StudySpec, trials: Sequence[Trial], means: Mapping[int, Confirmed] | None = None
) -> Points:
    """Return the objectives of measured trials, all minimised, shape (trials, objectives).

    A trial in `means` has its mean over all its seeds, the others what was observed of them.
    """
    rows = [
        [goal.loss(value(trial, goal.name, means or {})) for goal in spec.goals] for trial in trials
    ]
    return np.array(rows, dtype=float).reshape(len(trials), len(spec.goals))


def value(trial: Trial, name: str, means: Mapping[int, Confirmed]) -> float:
    """Return a metric of a measured trial: its mean where it was confirmed, else the observed."""
    own = means.get(trial.number)
    return own.summary(name).mean if own else trial.value(name) or 0.0


def front(spec: StudySpec, trials: Sequence[Trial]) -> list[Trial]:
    """Return the non-dominated complete candidates, cheapest first.

    The means of two confirmed candidates are compared. One that was measured once is on the front
    if nothing dominates what was observed of it, neither an observation nor a mean; it pushes no
    mean off the front, for its own would be higher too.
    """
    done, means = complete_candidates(trials), confirmed(trials)
    observed, corrected = losses(spec, done), losses(spec, done, means)
    sure = np.array([trial.number in means for trial in done], dtype=bool)
    keep = non_dominated(observed) & ~sure
    keep[sure] = non_dominated(corrected[sure])
    for index in np.flatnonzero(keep & ~sure):
        rivals = corrected[sure]
        below = np.all(rivals <= observed[index], axis=1) & np.any(rivals < observed[index], axis=1)
        keep[index] = not below.any()
    chosen = [trial for trial, kept in zip(done, keep, strict=True) if kept]
    return sorted(chosen, key=lambda trial: trial.cost)


def best(spec: StudySpec, trials: Sequence[Trial], without: Collection[int] = ()) -> Trial | None:
    """Return the complete candidate with the lowest first objective; the cheaper one of equals.

    Among those confirmed, where there are any, by their means. Numbers in `without` cannot win.
    """
    goal, means = spec.goals[0], confirmed(trials)
    done = [trial for trial in complete_candidates(trials) if trial.number not in without]
    return min(
        [trial for trial in done if trial.number in means] or done,
        key=lambda trial: (goal.loss(value(trial, goal.name, means)), trial.cost),
        default=None,
    )


def best_shipped(spec: StudySpec, trials: Sequence[Trial], reports: Reports) -> Trial | None:
    """Return the best trial that holds a budget in latency as measured, in `reports`.

    If no complete candidate does, the best by the table, which a search exports then too.
    """
    over = over_budget(spec, measured(spec, reports))
    return best(spec, trials, over) or best(spec, trials)


def study_hypervolume(spec: StudySpec, trials: Sequence[Trial]) -> float:
    """Return the hypervolume of the front against the study's fixed reference point."""
    reference = np.array(spec.reference_point, dtype=float)
    return hypervolume(losses(spec, front(spec, trials), confirmed(trials)), reference)


def hypervolume_steps(spec: StudySpec, trials: Sequence[Trial]) -> tuple[Progress, ...]:
    """Return the hypervolume's share of the reference box each time that a candidate raised it.

    By what was observed, as the search saw it; further seeds come after it.
    """
    ended = [trial for trial in trials if trial.candidate and trial.state.finished]
    # Equal or missing times: the number decides, so that a view of the same rows is the same.
    ended.sort(key=lambda t: (t.finished_at.timestamp() if t.finished_at else 0.0, t.number))
    reference = np.array(spec.reference_point, dtype=float)
    box = prod(spec.reference_point)
    kept = np.empty((0, len(reference)))
    steps = [Progress(0, 0.0)] if ended else []
    rows = losses(spec, ended)
    for finished, (trial, row) in enumerate(zip(ended, rows, strict=True), start=1):
        if trial.state is not TrialState.COMPLETE:
            continue
        if np.any(np.all(kept <= row, axis=1)):
            continue
        kept = np.vstack([kept[~np.all(kept >= row, axis=1)], row])
        share = hypervolume(kept, reference) / box if box else 0.0
        steps.append(Progress(finished, share))
    if ended:
        steps.append(Progress(len(ended), steps[-1].share))
    return tuple(steps)
