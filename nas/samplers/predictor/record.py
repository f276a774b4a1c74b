"""The record: what an ask needs of every trial, looked up once for each trial that has finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nas.objective import Objective
from nas.samplers.port import Feasible
from nas.samplers.predictor.features import Floats
from nas.trial import Trial, TrialState


@dataclass(frozen=True)
class Seen:
    """One look at a history.

    `asked` counts the candidates, `done` the COMPLETE ones among them; `taken` are their
    architectures. `finished` are the trials that say something, with the last `losses` of the first
    uncertain goal and the shares of the ceiling that they have `used`; `pending` will say it later.
    """

    asked: int
    done: int
    taken: set[str]
    finished: list[Trial]
    pending: list[Trial]
    losses: Floats
    used: Floats


class _Entry(NamedTuple):
    trial: Trial
    candidate: bool
    complete: bool
    useful: bool
    loss: float
    used: float


class Record:
    """Reads histories; a finished trial never changes, so that the same object is read once."""

    def __init__(self, feasible: Feasible, goal: Objective | None) -> None:
        """Keep what `goal`, the first uncertain one, is read by."""
        self._feasible, self._goal = feasible, goal
        self._entries: dict[int, _Entry] = {}

    def read(self, history: Sequence[Trial]) -> Seen:
        """Return what `history` holds."""
        entries = self._entries
        found: list[_Entry] = []
        pending = []
        for trial in history:
            entry = entries.get(trial.number)
            if entry is None or entry.trial is not trial:
                if not trial.state.finished:
                    pending.append(trial)
                    continue
                entry = entries[trial.number] = self._entry(trial)
            found.append(entry)
        candidates = [entry.trial for entry in found if entry.candidate]
        waiting = [trial for trial in pending if trial.candidate]
        useful = [entry for entry in found if entry.useful]
        return Seen(
            asked=len(candidates) + len(waiting),
            done=sum([entry.complete for entry in found]),
            taken={trial.architecture.arch_id for trial in (*candidates, *waiting)},
            finished=[entry.trial for entry in useful],
            pending=pending,
            losses=np.array([entry.loss for entry in useful]),
            used=np.array([entry.used for entry in useful]),
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
