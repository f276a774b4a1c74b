"""TrialTable: the trials of a study with their values as arrays.

A study of 50,000 trials is drawn again after each change. A changed table reuses the arrays of the
previous one, so that only the changed trials are computed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import nan
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nas.study import Trial, TrialState

STATES = tuple(TrialState)
_CODES = {state: code for code, state in enumerate(STATES)}


def _seconds(moment: datetime | None) -> float:
    return nan if moment is None else moment.timestamp()


def _duration(trial: Trial) -> float:
    if trial.seconds is not None:
        return trial.seconds
    return nan if trial.last is None else trial.last.seconds


_COLUMNS: dict[str, tuple[Any, Callable[[Trial], Any]]] = {
    "number": (np.int64, lambda trial: trial.number),
    "state": (np.int8, lambda trial: _CODES[trial.state]),
    "first": (np.bool_, lambda trial: trial.replicate_of is None),
    "reference": (np.bool_, lambda trial: bool(trial.reference)),
    "candidate": (np.bool_, lambda trial: trial.candidate),
    "final": (np.bool_, lambda trial: trial.final is not None),
    "attempt": (np.int64, lambda trial: trial.attempt),
    "scored": (np.bool_, lambda trial: trial.proxies is not None),
    "epoch": (np.int64, lambda trial: trial.last.epoch if trial.last else 0),
    "seconds": (np.float64, _duration),
    "created": (np.float64, lambda trial: _seconds(trial.created_at)),
    "finished": (np.float64, lambda trial: _seconds(trial.finished_at)),
}


class TrialTable(Sequence[Trial]):
    """Trials in their order; `rows` has the position of each number.

    A column is computed at its first use.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        """Hold `trials`, whose numbers differ."""
        self._trials = list(trials)
        self.rows = {trial.number: row for row, trial in enumerate(self._trials)}
        self._columns: dict[str, NDArray[Any]] = {}
        self._values: dict[str, NDArray[np.float64]] = {}

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "TrialTable":
        """Return `trials` as a table: themselves if they are one."""
        return trials if isinstance(trials, TrialTable) else cls(trials)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        """Return one trial, or several, by position."""
        return self._trials[index]

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self._trials)

    def get(self, number: int) -> Trial | None:
        """Return the trial of a number; None without one."""
        row = self.rows.get(number)
        return None if row is None else self._trials[row]

    def take(self, rows: NDArray[np.intp]) -> list[Trial]:
        """Return the trials at these positions."""
        return [self._trials[row] for row in rows.tolist()]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of all trials.

        `number`; `state` as the index in `STATES`; `attempt`; `epoch` of the last measurement, 0
        without one; `seconds` of training, and `created` and `finished` in seconds since 1970, NaN
        for none. As bool: `first` (not a further seed), `reference`, `candidate`, `final` (measured
        to the last rung), `scored` (it has training-free scores).
        """
        if name not in self._columns:
            kind, read = _COLUMNS[name]
            self._columns[name] = np.fromiter(map(read, self._trials), kind, len(self))
        return self._columns[name]

    def value(self, name: str) -> NDArray[np.float64]:
        """Return a cost, or a metric of the last measurement, of all trials; NaN without one."""
        if name not in self._values:
            self._values[name] = _values(self._trials, name)
        return self._values[name]

    def states(self, *states: TrialState) -> NDArray[np.bool_]:
        """Return which trials are in one of `states`."""
        return np.isin(self.column("state"), [_CODES[state] for state in states])

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Which trials are finished."""
        return self.states(*(state for state in STATES if state.finished))

    def changed(self, trials: Sequence[Trial]) -> "TrialTable":
        """Return the table with `trials`, which replace those with the same numbers or are new."""
        added = sorted((t for t in trials if t.number not in self.rows), key=lambda t: t.number)
        if added and self._trials and added[0].number < self._trials[-1].number:
            numbered = {trial.number: trial for trial in (*self._trials, *trials)}
            return TrialTable([numbered[number] for number in sorted(numbered)])
        fresh = [*(trial for trial in trials if trial.number in self.rows), *added]
        copy = TrialTable(())
        copy._trials = [*self._trials, *added]
        copy.rows = self.rows | {t.number: len(self) + row for row, t in enumerate(added)}
        at = [copy.rows[trial.number] for trial in fresh]
        for row, trial in zip(at, fresh, strict=True):
            copy._trials[row] = trial
        for name, column in self._columns.items():
            kind, read = _COLUMNS[name]
            copy._columns[name] = _patched(column, at, np.array(list(map(read, fresh)), kind))
        for name, values in self._values.items():
            copy._values[name] = _patched(values, at, _values(fresh, name))
        return copy


def _values(trials: Sequence[Trial], name: str) -> NDArray[np.float64]:
    found = (nan if (value := trial.value(name)) is None else value for trial in trials)
    return np.fromiter(found, np.float64, len(trials))


def _patched(column: NDArray[Any], at: list[int], values: NDArray[Any]) -> NDArray[Any]:
    """Return a column with new values at some positions, which may be past its end."""
    size = max([len(column), *(row + 1 for row in at)])
    copy = np.empty(size, column.dtype)
    copy[: len(column)] = column
    copy[at] = values
    return copy
