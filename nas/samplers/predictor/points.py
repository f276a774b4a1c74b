"""Coder: architectures as points from which a model learns.

The numbers of a row do not depend on the other rows that are computed with it.
"""

from collections.abc import Sequence

import numpy as np

from nas.feasible import Feasible
from nas.samplers.predictor.features import Features, Floats
from nas.samplers.predictor.model import ModelPoints
from nas.space import Architecture
from nas.stats import log_losses
from nas.study import Objective


class Coder:
    """Encodes architectures of one feasible space as points, for one list of goals."""

    def __init__(self, feasible: Feasible, features: Features, goals: Sequence[Objective]) -> None:
        """Store the sources of codes, costs and coordinates."""
        self._feasible, self._features, self._goals = feasible, features, tuple(goals)

    def points(self, architectures: Sequence[Architecture]) -> ModelPoints:
        """Return the points of any architectures, at least one."""
        coding, count = self._feasible.coding, len(architectures)
        codes = np.array([coding.encode(a) for a in architectures], dtype=float)
        profiles = np.array([coding.profile(a) for a in architectures], dtype=float)
        codes = codes.reshape(count, -1)
        # numpy would round the sum over a single row differently.
        choices = self._features.choices(np.repeat(codes, 2, axis=0) if count == 1 else codes)
        return ModelPoints(choices[:count], profiles.reshape(count, -1), self._known(architectures))

    def _known(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the transformed losses of the goals known before training; NaN for others."""
        losses = np.full((len(architectures), len(self._goals)), np.nan)
        columns = [column for column, goal in enumerate(self._goals) if goal.known]
        for row, architecture in enumerate(architectures if columns else ()):
            cost = self._feasible.cost(architecture)
            for column in columns:
                goal = self._goals[column]
                losses[row, column] = goal.loss(float(getattr(cost, goal.name)))
        positive = losses >= 0
        losses[positive] = log_losses(losses[positive])
        return losses
