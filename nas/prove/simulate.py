"""A simulated cluster: workers look up trainings, and a clock runs on their times.

The rules are those of a study: only distinct networks within the budget are trained, a proposal
that is already taken is repeated with the next generator, and the sampler sees finished and running
trainings. A training shows the accuracy of one seed, drawn for each run and network.
"""

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from nas.errors import BudgetError
from nas.prove.table import ACCURACY, Floats, TableSpace
from nas.study import Measurement, Sampler, Trial, TrialState

PROPOSALS = 20
_START = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR = 3600.0
_NOISE = 1  # separates the random stream of the noise from that of the proposals


def training_seconds(space: TableSpace) -> Floats:
    """Return the time of one training of every network of the table.

    It comes from the time column; otherwise it is proportional to the first cost, with one hour for
    the mean feasible network; without costs it is one hour.
    """
    table = space.table
    if table.seconds is not None:
        return table.seconds
    if not table.costs:
        return np.full(len(table), _HOUR)
    counts = table.counts[:, 0].astype(float)
    return _HOUR * counts / max(1.0, float(counts[space.feasible].mean()))


@dataclass
class Cluster:
    """One run: `workers` train `most` networks of `space` that `sampler` proposes, by `seed`.

    `clock` is simulated time in seconds, `asks` the real seconds of each proposal.
    """

    space: TableSpace
    sampler: Sampler
    seed: int
    workers: int
    most: int
    clock: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    networks: list[int] = field(default_factory=list)
    asks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with idle workers."""
        self._seconds = training_seconds(self.space)
        self._running: list[tuple[float, int]] = []
        self._taken: set[int] = set()

    def run(self) -> Iterator[int]:
        """Yield the index of each network when its training ends.

        Between two networks, `trials` holds what the sampler would see.
        """
        most = min(self.most, len(self.space.feasible))
        while True:
            while len(self._running) < self.workers and len(self.trials) < most:
                self._start()
            if not self._running:
                return
            self.clock, number = heapq.heappop(self._running)
            self._finish(number)
            yield self.networks[number]

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
        heapq.heappush(self._running, (self.clock + float(self._seconds[index]), number))

    def _ask(self, number: int) -> int:
        """Return a new network within the budget: the sampler's, or a random one if it has none."""
        began, history = time.perf_counter(), tuple(self.trials)
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

    def _finish(self, number: int) -> None:
        trial, trainings = self.trials[number], self.space.table.trainings(self.networks[number])
        rng = np.random.default_rng([self.seed, self.networks[number], 0, _NOISE])
        error = 1 - trainings[int(rng.integers(len(trainings)))] / 100
        seconds = float(self._seconds[self.networks[number]])
        measured = Measurement(1, 0, {ACCURACY.name: error}, float("nan"), seconds)
        self.trials[number] = replace(
            trial,
            state=TrialState.COMPLETE,
            measurements=(measured,),
            finished_at=self._now(),
            seconds=seconds,
        )

    def _now(self) -> datetime:
        return _START + timedelta(seconds=self.clock)
