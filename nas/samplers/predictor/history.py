"""The history of a study as the numbers that the predictor learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.feasible import Feasible
from nas.samplers.predictor.features import Features, Floats
from nas.samplers.predictor.model import GoalObservations, ModelPoints
from nas.space import Architecture
from nas.stats import clip_outliers, log_losses
from nas.study import Inference, Measurement, Objective, Reason, Trial, TrialState, infer, last_loss


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


def observe(trials: Sequence[Trial], goal: Objective) -> GoalObservations:
    """Return the observations of an uncertain `goal` at full fidelity in finished `trials`.

    A trial that diverged counts as the worst value; other failures are ignored.
    """
    complete = [index for index, trial in enumerate(trials) if trial.final is not None]
    if not complete:
        return GoalObservations(np.array([], dtype=np.int64), np.array([]), np.array([]))
    final = [goal.loss(_metric(trials[index].final, goal)) for index in complete]
    values = clip_outliers(log_losses(np.array(final)))
    index, found, noise = list(complete), list(values), [0.0] * len(complete)
    inferred: dict[int, Inference | None] = {}
    spread = float(np.var(values)) + 1e-6
    for position, trial in enumerate(trials):
        if trial.state is TrialState.STOPPED and (at := _last_rung(trial)) is not None:
            if at.epoch not in inferred:
                inferred[at.epoch] = infer(trials, goal, at.epoch)
            fit = inferred[at.epoch]
            if fit is not None and (estimate := fit.of(trial)) is not None:
                index.append(position)
                found.append(estimate.mean)
                noise.append(estimate.variance)
        elif trial.state is TrialState.FAILED and trial.fail_reason == Reason.NAN:
            index.append(position)
            found.append(float(values.max()))
            noise.append(spread)
    observed = clip_outliers(np.array(found))
    return GoalObservations(np.array(index, dtype=np.int64), observed, np.array(noise))


def _metric(measured: Measurement | None, goal: Objective) -> float:
    assert measured is not None
    return measured.metrics[goal.name]


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


def _last_rung(trial: Trial) -> Measurement | None:
    return next((m for m in reversed(trial.measurements) if m.rung is not None), None)
