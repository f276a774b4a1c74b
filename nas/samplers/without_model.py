"""Estimates of samplers without a model: the measured values."""

from collections.abc import Mapping, Sequence

from nas.study import Objective, Trial, TrialState


class BelievesObservations:
    """A base of samplers whose estimates are the measured values of the first goal."""

    _goals: Sequence[Objective]

    def believe(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return the measured loss of the first goal, by number of COMPLETE candidate."""
        goal = self._goals[0]
        return {
            trial.number: goal.loss(trial.value(goal.name) or 0.0)
            for trial in history
            if trial.candidate and trial.state is TrialState.COMPLETE
        }
