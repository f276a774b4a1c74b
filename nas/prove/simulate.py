"""A simulated cluster: workers look trainings up in a table, and a clock advances by their times.

The rules are those of a study: only distinct networks within the budget are trained, a proposal
that is already taken is repeated with the next generator, and the sampler sees finished and running
trainings. A training has the curve, or the accuracy, of one seed, drawn for each run and network.
If the table has learning curves, a trial is judged at the rungs by the rule of the studies.
"""

import heapq
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np

from nas.errors import BudgetError
from nas.prove.table import ACCURACY, Floats, TableSpace
from nas.study import (
    Decision,
    Judging,
    Ladder,
    Measurement,
    Reason,
    Sampler,
    Trial,
    TrialState,
    seen,
)

Curve: TypeAlias = Mapping[int, Mapping[str, float]]

PROPOSALS = 20
_START = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR = 3600.0
_TRAIN_LOSS = "train_loss"
_NOISE = 1  # separates the random stream of the noise from that of the proposals


def training_seconds(space: TableSpace) -> Floats:
    """Return the time in seconds of one training of every network of the table, (networks,).

    It is from the time column if there is one. Otherwise it is proportional to the first cost, with
    a mean of one hour over the feasible networks; without costs it is one hour.
    """
    table = space.table
    if table.seconds is not None:
        return table.seconds
    if not table.costs:
        return np.full(len(table), _HOUR)
    counts = table.counts[:, 0].astype(float)
    return _HOUR * counts / max(1.0, float(counts[space.feasible].mean()))


WHOLE = Judging(Ladder((1,), 2), (ACCURACY,))  # every training is one step


@dataclass
class Cluster:
    """One run: `workers` train `most` networks of `space` that `sampler` proposes, by `seed`.

    `judging` stops trials at rungs; by default a training is one step, without a curve. `borrowed`
    are trainings of an earlier run, which the sampler sees from the start. `clock` is the simulated
    time in seconds, `spent` the number of epochs of all trials up to their last rungs, `asks` the
    real seconds of each proposal.
    """

    space: TableSpace
    sampler: Sampler
    seed: int
    workers: int
    most: int
    judging: Judging = WHOLE
    borrowed: Sequence[Trial] = ()
    clock: float = 0.0
    spent: int = 0
    trials: list[Trial] = field(default_factory=list)
    networks: list[int] = field(default_factory=list)
    asks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with idle workers."""
        whole = 1 if self.judging is WHOLE else self.space.table.epochs[-1]
        self._seconds = training_seconds(self.space) / whole  # per epoch
        self._running: list[tuple[float, int]] = []
        self._taken: set[int] = set()
        self._curves: dict[int, Curve] = {}

    @property
    def history(self) -> list[Trial]:
        """The history for the sampler: the borrowed trainings, then those of this run."""
        return seen(self.trials, self.borrowed)

    def run(self) -> Iterator[int]:
        """Yield the index of each network when its training ends.

        Between two networks, `trials` has the trials that the sampler would see.
        """
        while self.ready():
            network = self.step()
            if network is not None:
                yield network

    def ready(self) -> bool:
        """Give work to idle workers; return False if all trainings have ended."""
        most = min(self.most, len(self.space.feasible))
        while len(self._running) < self.workers and len(self.trials) < most:
            self._start()
        return bool(self._running)

    @property
    def ahead(self) -> int:
        """The value of `spent` after the next step."""
        return self.spent + self._segment(self._running[0][1])

    def step(self) -> int | None:
        """Advance the next trial to its next rung; return its network if its training has ended."""
        self.clock, number = heapq.heappop(self._running)
        self.spent += self._segment(number)
        if self._reach(number) is Decision.CONTINUE:
            self._push(number)
            return None
        return self.networks[number]

    def _start(self) -> None:
        number = len(self.trials)
        index = self._ask(number)
        architecture = self.space.table.architectures[index]
        self._taken.add(index)
        self.networks.append(index)
        self.trials.append(
            Trial(
                number,
                architecture,
                self.space.cost(architecture),
                TrialState.RUNNING,
                seed=number,
                attempt=1,
                created_at=self._now(),
            )
        )
        self._curves[number] = self._curve(index)
        self._push(number)

    def _push(self, number: int) -> None:
        seconds = float(self._seconds[self.networks[number]]) * self._segment(number)
        heapq.heappush(self._running, (self.clock + seconds, number))

    def _segment(self, number: int) -> int:
        """Return the epochs of a running trial from its last rung to the next."""
        done = self._done(number)
        return next(rung for rung in self.judging.ladder.epochs if rung > done) - done

    def _done(self, number: int) -> int:
        last = self.trials[number].last
        return last.epoch if last else 0

    def _ask(self, number: int) -> int:
        """Return a new network within the budget, from the sampler or else drawn at random."""
        began, history = time.perf_counter(), self.history
        for proposal in range(PROPOSALS):
            rng = np.random.default_rng([self.seed, number, proposal])
            proposed = self.sampler.propose(history, number, rng)
            if proposed is None:
                break
            if not self.space.admits(proposed):  # the gate
                raise BudgetError(
                    f"the sampler proposed {proposed}, which is over the budget.",
                    "Correct the sampler: Feasible.admits must accept each of its proposals.",
                )
            index = self.space.index(proposed)
            if index not in self._taken:
                self.asks.append(time.perf_counter() - began)
                return index
        self.asks.append(time.perf_counter() - began)
        left = [index for index in self.space.feasible.tolist() if index not in self._taken]
        return int(np.random.default_rng([self.seed, number, PROPOSALS]).choice(left))

    def _curve(self, index: int) -> Curve:
        """Return the curve of a randomly drawn training of a network, by epoch."""
        table = self.space.table
        trainings = table.trainings(index)
        rng = np.random.default_rng([self.seed, index, 0, _NOISE])
        drawn = int(rng.integers(len(trainings)))
        if self.judging is not WHOLE:
            return table.curve(index, drawn)
        return {1: {ACCURACY.name: 1 - trainings[drawn] / 100}}

    def _reach(self, number: int) -> Decision:
        """Record the epochs up to the next rung of a trial, and decide on it."""
        trial, done, ladder = self.trials[number], self._done(number), self.judging.ladder
        rung = done + self._segment(number)
        per_epoch = float(self._seconds[self.networks[number]])
        for epoch, values in self._curves[number].items():
            if done < epoch <= rung:
                if math.inf in values.values():
                    return self._end(trial, TrialState.FAILED, epoch * per_epoch)
                loss = values.get(_TRAIN_LOSS, math.nan)
                metrics = {name: value for name, value in values.items() if name != _TRAIN_LOSS}
                seconds = epoch * per_epoch
                measured = Measurement(epoch, ladder.rung(epoch), metrics, loss, seconds)
                trial = replace(trial, measurements=(*trial.measurements, measured))
        self.trials[number] = trial
        assert trial.last is not None
        decision = self.judging.decide(self.trials, trial, trial.last)
        if decision is Decision.CONTINUE:
            return decision
        complete = rung == ladder.max_epochs
        state = TrialState.COMPLETE if complete else TrialState.STOPPED
        return self._end(trial, state, rung * per_epoch)

    def _end(self, trial: Trial, state: TrialState, seconds: float) -> Decision:
        self.trials[trial.number] = replace(
            trial,
            state=state,
            fail_reason=Reason.NAN if state is TrialState.FAILED else None,
            finished_at=self._now(),
            seconds=seconds,
        )
        return Decision.STOP

    def _now(self) -> datetime:
        return _START + timedelta(seconds=self.clock)
