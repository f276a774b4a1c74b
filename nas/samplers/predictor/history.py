"""The history of a study in the form that a proposal uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.feasible import Feasible
from nas.samplers.predictor.features import Floats
from nas.study import Objective, Reason, Trial, TrialState, last_loss


@dataclass(frozen=True)
class Seen:
    """The contents of one history.

    `asked` is the number of candidates, `done` that of the COMPLETE ones and the complete borrowed
    trainings; `taken` has the `arch_id` of all candidates, `borrowed` the trainings of earlier
    studies. `finished` are the trials to learn from, with the last `losses` of the first uncertain
    goal and the shares `used` of the ceiling; `pending` are not finished. No later result is
    inserted before the first `settled` ones of `finished`.
    """

    asked: int
    done: int
    taken: set[str]
    borrowed: list[Trial]
    finished: list[Trial]
    pending: list[Trial]
    losses: Floats
    used: Floats
    settled: int


def read_history(history: Sequence[Trial], feasible: Feasible, goal: Objective | None) -> Seen:
    """Return the contents of `history`; `goal` is the first uncertain one."""
    settled = next((i for i, t in enumerate(history) if not t.state.finished), len(history))
    asked = [trial for trial in history if trial.candidate]
    borrowed = [trial for trial in history if trial.borrowed is not None]
    useful = [trial for trial in history if _useful(trial)]
    return Seen(
        asked=len(asked),
        done=sum(trial.state is TrialState.COMPLETE for trial in (*asked, *borrowed)),
        taken={trial.arch_id for trial in asked},
        borrowed=borrowed,
        finished=useful,
        pending=[trial for trial in history[settled:] if not trial.state.finished],
        losses=np.array([last_loss(trial, goal) for trial in useful]),
        used=np.array([feasible.used(trial.cost) for trial in useful]),
        settled=sum(map(_useful, history[:settled])),
    )


def _useful(trial: Trial) -> bool:
    """Tell whether a trial is finished and informative; of failures, only divergence is."""
    failed = trial.state is TrialState.FAILED
    return trial.state.finished and (not failed or trial.fail_reason == Reason.NAN)
