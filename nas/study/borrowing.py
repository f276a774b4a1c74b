"""Borrowing: a sampler learns from the trainings of earlier studies under any budget.

The error of a trained network does not depend on the budget of the study that trains it. When a
study is created, it borrows the finished trials of earlier studies that train networks in the same
way (`nas.study.reuse.comparable`). The borrowed trials are stored with the study, so that later
changes of the earlier studies do not change its proposals. A borrowed training is neither a
candidate nor a reference, and is not on the front. Its costs, latency included, are those at the
deployment of the new study.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from nas.feasible import Feasible
from nas.space import Architecture
from nas.stats import thinned
from nas.study.objectives import Objective
from nas.study.proposals import last_loss, seen
from nas.study.reuse import comparable, study_differences
from nas.study.rungs import Ladder
from nas.study.spec import StudySpec
from nas.study.spec_parts import Learnt
from nas.study.trial import Reason, Trial, TrialState

MOST_BORROWED = 200  # more would slow proposals down, and the model uses 300 trials at most


def finished_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of a study that others can learn from.

    They are the trials that completed, were stopped at a rung, or diverged. Further seeds of the
    best candidates are excluded, because the study's own sampler does not see them either.
    """
    return [trial for trial in seen(trials) if trial.state.finished and _is_informative(trial)]


def borrowable(mine: StudySpec, theirs: StudySpec, trials: Sequence[Trial]) -> list[Trial]:
    """Return those of the `trials` of `theirs` that are comparable with trials of `mine`.

    A trial that was stopped is comparable only if both studies have the same rungs.
    """
    if next(study_differences(mine, theirs), None) is not None:
        return []
    known: dict[object, bool] = {}

    def same(architecture: Architecture) -> bool:
        """Compare each space once, or each network if networks may have their own stem."""
        key = architecture if theirs.networks else architecture.space
        if key not in known:
            known[key] = comparable(mine, theirs, architecture)
        return known[key]

    return [
        trial
        for trial in finished_trials(trials)
        if same(trial.architecture)
        and (trial.state is not TrialState.STOPPED or mine.rungs == theirs.rungs)
    ]


def borrow(
    found: Iterable[tuple[str, Trial]],
    ladder: Ladder,
    goals: Sequence[Objective],
    feasible: Feasible,
    most: int = MOST_BORROWED,
) -> tuple[list[Trial], tuple[Learnt, ...]]:
    """Return borrowed trainings from `found`, the pairs of a study's name and a trial.

    Also returns the number of trainings from each study. Equal trainings count once. If there are
    more than `most`, the best of each cost stratum are kept, and an even selection of the others.
    `ladder`, `goals` and `feasible` are those of the study that borrows.
    """
    distinct = list(_distinct(found))
    lent = [_lent(study, trial, ladder, feasible) for study, trial in distinct]
    goal = next((goal for goal in goals if not goal.known), None)
    losses = np.array([last_loss(trial, goal) for trial in lent])
    costs = np.array([feasible.used(trial.cost) for trial in lent])
    kept = thinned(losses, costs, most).tolist()
    borrowed = [replace(lent[index], number=at - len(kept)) for at, index in enumerate(kept)]
    used = Counter(distinct[index][0] for index in kept)
    available = Counter(study for study, _ in distinct)
    sources = (Learnt(name, used[name], count) for name, count in available.items() if used[name])
    return borrowed, tuple(sources)


def _distinct(found: Iterable[tuple[str, Trial]]) -> Iterator[tuple[str, Trial]]:
    """Yield each training once; a trial that reuses it has the same network and seed."""
    taken = set()
    for study, trial in found:
        key = trial.arch_id, trial.seed, trial.state
        if key not in taken:
            taken.add(key)
            yield study, trial


def _lent(study: str, trial: Trial, ladder: Ladder, feasible: Feasible) -> Trial:
    """Return a trial with the fields that a sampler reads, and the rungs of the new study."""
    measured = (replace(m, rung=ladder.rung(m.epoch)) for m in trial.measurements)
    return Trial(
        trial.number,
        trial.architecture,
        feasible.cost(trial.architecture),
        trial.state,
        trial.seed,
        measurements=tuple(measured),
        fail_reason=trial.fail_reason,
        borrowed=f"{study}/{trial.number}",
    )


def _is_informative(trial: Trial) -> bool:
    if trial.state is TrialState.FAILED:
        return trial.fail_reason == Reason.NAN
    return any(measured.rung is not None for measured in trial.measurements)
