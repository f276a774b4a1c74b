"""The record: what an ask needs of every trial, looked up once for each trial that has finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nas.feasible import Feasible
from nas.samplers.history_prefix import begins_with
from nas.samplers.predictor.features import Floats
from nas.study import Objective, Trial, TrialState


@dataclass(frozen=True)
class Seen:
    """One look at a history.

    `asked` counts the candidates, `done` the COMPLETE ones among them; `taken` are their
    architectures. `finished` are the trials that say something, with the last `losses` of the first
    uncertain goal and the shares of the ceiling that they have `used`; `pending` will say it later.
    No later result will come among the first `settled` of the finished ones.
    """

    asked: int
    done: int
    taken: set[str]
    finished: list[Trial]
    pending: list[Trial]
    losses: Floats
    used: Floats
    settled: int


class _Entry(NamedTuple):
    trial: Trial
    candidate: bool
    complete: bool
    useful: bool
    loss: float
    used: float


class _Tally:
    """What finished trials add up to; only ever grows."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.asked = self.done = 0
        self.taken: set[str] = set()
        self.finished: list[Trial] = []
        self.losses: list[float] = []
        self.used: list[float] = []

    def add(self, entry: _Entry) -> None:
        """Count one more trial."""
        self.trials.append(entry.trial)
        self.done += entry.complete
        if entry.candidate:
            self.asked += 1
            self.taken.add(entry.trial.arch_id)
        if entry.useful:
            self.finished.append(entry.trial)
            self.losses.append(entry.loss)
            self.used.append(entry.used)


class HistoryIndex:
    """Reads histories; a finished trial never changes, so that the same object is read once."""

    def __init__(self, feasible: Feasible, goal: Objective | None) -> None:
        """Keep what `goal`, the first uncertain one, is read by."""
        self._feasible, self._goal = feasible, goal
        self._tally = _Tally()

    def read(self, history: Sequence[Trial]) -> Seen:
        """Return what `history` holds.

        The finished trials at its beginning, which are nearly all of it, are added up from one
        reading to the next, as long as they are the same objects.
        """
        tally = self._tally
        if not begins_with(history, tally.trials):
            tally = self._tally = _Tally()
        known = len(tally.trials)
        while known < len(history) and history[known].state.finished:
            tally.add(self._entry(history[known]))
            known += 1
        rest = history[known:]
        pending = [trial for trial in rest if not trial.state.finished]
        others = [self._entry(trial) for trial in rest if trial.state.finished]
        useful = [entry for entry in others if entry.useful]
        later = [entry.trial for entry in others if entry.candidate]
        later += [trial for trial in pending if trial.candidate]
        return Seen(
            asked=tally.asked + len(later),
            done=tally.done + sum(entry.complete for entry in others),
            taken=tally.taken | {trial.arch_id for trial in later},
            finished=tally.finished + [entry.trial for entry in useful],
            pending=pending,
            losses=np.array(tally.losses + [entry.loss for entry in useful]),
            used=np.array(tally.used + [entry.used for entry in useful]),
            settled=len(tally.finished),
        )

    def _entry(self, trial: Trial) -> _Entry:
        value = None if self._goal is None else trial.value(self._goal.name)
        complete = trial.state is TrialState.COMPLETE
        return _Entry(
            trial,
            trial.candidate,
            complete and trial.candidate,
            trial.state is not TrialState.FAILED or trial.fail_reason == "nan",
            np.inf if value is None or self._goal is None else self._goal.loss(value),
            self._feasible.used(trial.cost),
        )
