"""History: the part of a study's record that a sampler sees.

A proposal depends only on the finished trials and on the set of running trials. It does not depend
on the progress of running trials, on their workers, or on the number of their attempts. So a study
with several workers that is replayed from its store gives the same proposals.

Trainings that are borrowed from earlier studies come first. They are stored with the study, so that
a replay sees the same ones.
"""

from collections.abc import Sequence
from math import inf

from nas.study.objectives import Objective
from nas.study.trial import Trial, TrialState


def seen(trials: Sequence[Trial], borrowed: Sequence[Trial] = ()) -> list[Trial]:
    """Return the history for a sampler: `trials` by number, without those of further seeds.

    A finished trial is unchanged; any other is WAITING and without measurements. The `borrowed`
    trainings come first, without those that a trial of the study repeats.
    """
    own = [
        trial if trial.state.finished else _pending(trial)
        for trial in trials
        if trial.replicate_of is None
    ]
    return [*_unrepeated(borrowed, own), *own] if borrowed else own


def last_loss(trial: Trial, goal: Objective | None) -> float:
    """Return the last loss of `goal`; infinity if there is none."""
    value = None if goal is None else trial.value(goal.name)
    return inf if goal is None or value is None else goal.loss(value)


def _unrepeated(borrowed: Sequence[Trial], own: Sequence[Trial]) -> list[Trial]:
    """Return the borrowed trainings that no finished trial in `own` has repeated.

    Equal trainings with equal seeds have equal results, which a sampler must not count twice.
    """
    reached = {
        (trial.arch_id, trial.seed): trial.last.epoch
        for trial in own
        if trial.state.finished and trial.last is not None
    }
    return [
        trial
        for trial in borrowed
        if trial.last is None or reached.get((trial.arch_id, trial.seed), 0) < trial.last.epoch
    ]


def _pending(trial: Trial) -> Trial:
    return Trial(
        trial.number,
        trial.architecture,
        trial.cost,
        TrialState.WAITING,
        trial.seed,
        reference=trial.reference,
    )
