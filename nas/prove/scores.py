"""Scores of a run after n trainings or epochs: regret, and share of the true hypervolume.

Both use the mean over all trainings of a network in the table, which samplers do not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nas.cost import Constraint
from nas.errors import NasError
from nas.prove.simulate import Cluster
from nas.prove.table import ACCURACY, Floats, Ints, TableSpace
from nas.stats import Points, hypervolume, non_dominated
from nas.study import Trial

_LOW = 0.05


@dataclass(frozen=True)
class RunScore:
    """The scores of one run `after` a number of trainings, or of epochs of all trials together.

    `trainings` is the number of ended trainings, `epochs` that of the epochs spent (without
    learning curves, each training is one). `regret` is in points of accuracy: the mean accuracy of
    the best feasible network minus that of the network that the run returns, which has the lowest
    estimated error. `volume` is the hypervolume of all networks trained so far as a share of that
    of the true front; `returned` is the same for the front that the run returns. `confirmed` is the
    regret after the best few were retrained with the other seeds, `extra` the number of these
    trainings; `confirmed` is None if the table has no other seeds. `seconds` is the simulated time.
    """

    trainings: int
    regret: float
    volume: float
    returned: float
    confirmed: float | None
    extra: int
    seconds: float
    after: int
    epochs: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "RunScore":
        """Return the score of stored `fields`; early versions scored after trainings only."""
        return cls(**{"after": fields["trainings"], "epochs": 0, **fields})


def _last_errors(trials: Sequence[Trial]) -> dict[int, float]:
    """Return the last error of each trial that was measured, by number."""
    return {trial.number: trial.last.metrics[ACCURACY.name] for trial in trials if trial.last}


class Judge:
    """Scores runs on one table, under one budget."""

    def __init__(
        self, space: TableSpace, front: Sequence[str], reference: float | None, confirm: int
    ) -> None:
        """Set the reference point: `reference` % accuracy, and the ceilings of the costs `front`.

        A cost without a ceiling has its largest feasible value. The default of `reference` is the
        accuracy that 95 % of the feasible networks exceed. `confirm` networks are retrained.

        Raises:
            NasError: no feasible network is better than the reference point.
        """
        table = space.table
        self._space, self._confirm, self._front_costs = space, confirm, tuple(front)
        self._positions = [table.position(name) for name in front]
        accuracy = table.accuracy[space.feasible]
        self.reference = float(np.quantile(accuracy, _LOW)) if reference is None else reference
        self.best = float(accuracy.max())
        limits = {part.cost: part.limit for part in space.budget}
        largest = table.counts[space.feasible].max(axis=0)
        self._corner = np.array(
            [-self.reference]
            + [
                float(limits.get(name, largest[position]))
                for name, position in zip(front, self._positions, strict=True)
            ]
        )
        if self.full <= 0:
            raise NasError(
                f"no network within the budget is better than {self.reference:g} % accuracy.",
                f"Give a lower --reference; the best has {self.best:.2f} %.",
            )

    @cached_property
    def full(self) -> float:
        """The hypervolume of the true front, in points of accuracy times the units of the costs."""
        return self._volume(self._space.feasible)

    @cached_property
    def front_size(self) -> int:
        """The number of networks on the true front."""
        points = self._points(self._space.feasible)
        return int(non_dominated(points).sum())

    @property
    def ceilings(self) -> list[Constraint]:
        """The costs of the reference point."""
        costs = zip(self._front_costs, self._corner[1:].tolist(), strict=True)
        return [Constraint(name, int(limit)) for name, limit in costs]

    def score(self, cluster: Cluster, after: int) -> RunScore:
        """Return the scores of a run in its current state; it must have measured a network.

        A run without a complete training returns the network with the lowest error so far.
        """
        ended = [trial for trial in cluster.trials if trial.state.finished]
        estimates = cluster.sampler.expected_losses(cluster.history) or _last_errors(cluster.trials)
        complete = sorted(estimates)
        networks = np.array([cluster.networks[number] for number in complete])
        estimated = np.array([estimates[number] for number in complete])
        order = np.argsort(estimated, kind="stable")
        confirmed, extra = self._confirmed(networks[order[: self._confirm]])
        return RunScore(
            trainings=len(ended),
            regret=self._regret(int(networks[order[0]])),
            volume=self._volume(networks) / self.full,
            returned=self._volume(networks[self._front(networks, estimated)]) / self.full,
            confirmed=confirmed,
            extra=extra,
            seconds=cluster.clock,
            after=after,
            epochs=cluster.spent,
        )

    def _regret(self, network: int) -> float:
        return self.best - float(self._space.table.accuracy[network])

    def _confirmed(self, networks: Ints) -> tuple[float | None, int]:
        """Return the regret after retraining `networks`, and the number of these trainings."""
        table = self._space.table
        extra = sum(len(table.trainings(int(index))) - 1 for index in networks)
        if not extra:
            return None, 0
        return self._regret(int(networks[np.argmax(table.accuracy[networks])])), extra

    def _front(self, networks: Ints, estimated: Floats) -> Ints:
        """Return the positions of the networks on the front that the run returns."""
        points = self._points(networks)
        points[:, 0] = estimated
        return np.flatnonzero(non_dominated(points))

    def _points(self, networks: Ints) -> Points:
        table = self._space.table
        costs = table.counts[networks][:, self._positions].astype(float)
        return np.column_stack([-table.accuracy[networks], costs])

    def _volume(self, networks: Ints) -> float:
        return hypervolume(self._points(networks), self._corner)
