"""History: the part of a study's record that a sampler sees, now or at an earlier time.

A proposal depends only on the finished trials and on which other trials are running: not on their
progress, nor on where or how often they were started. So a study with several workers that is
replayed from its store gives the same proposals.
"""

from collections.abc import Sequence
from datetime import datetime

from nas.study.trial import Trial, TrialState


def seen(trials: Sequence[Trial]) -> list[Trial]:
    """Return what a sampler sees of `trials`, by number; without further seeds of candidates.

    A finished trial is unchanged. A running one is shown as WAITING, without measurements.
    """
    return [
        trial if trial.state.finished else _pending(trial)
        for trial in trials
        if trial.replicate_of is None
    ]


def seen_at(trials: Sequence[Trial], number: int) -> list[Trial]:
    """Return what a sampler saw when it proposed trial `number` of a stored study.

    Finished trials are determined by their times; on PostgreSQL this is as accurate as the clocks
    of server and driver agree.
    """
    asked = next(trial.created_at for trial in trials if trial.number == number)
    return seen(
        [
            trial if _ended_by(trial, asked) else _pending(trial)
            for trial in trials
            if trial.number < number
        ]
    )


def _ended_by(trial: Trial, moment: datetime | None) -> bool:
    if trial.finished_at is None or moment is None:
        return False
    return trial.state.finished and trial.finished_at <= moment


def _pending(trial: Trial) -> Trial:
    return Trial(
        trial.number,
        trial.architecture,
        trial.cost,
        TrialState.WAITING,
        trial.seed,
        reference=trial.reference,
    )
