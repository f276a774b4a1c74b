"""History: the part of a study's record that a sampler sees.

A proposal depends only on the finished trials and on which other trials are running: not on their
progress, nor on where or how often they were started. So a study with several workers that is
replayed from its store gives the same proposals.
"""

from collections.abc import Sequence

from nas.study.trial import Trial, TrialState


def seen(trials: Sequence[Trial]) -> list[Trial]:
    """Return what a sampler sees of `trials`, by number; without further seeds of candidates.

    A finished trial is unchanged. A running one is shown as WAITING, without measurements.
    """
    return [
        trial if trial.state.finished else _pending(trial)
        for trial in trials
        if trial.replicate_of is None
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
