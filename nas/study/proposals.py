"""Proposals: the architecture of the next trial of a study."""

from collections.abc import Sequence

import numpy as np

from nas.space import Architecture
from nas.study.history import seen
from nas.study.ports import Sampler
from nas.study.spec import StudySpec
from nas.study.trial import Trial

_PROPOSALS = 20  # for one trial


def next_reference(spec: StudySpec, trials: Sequence[Trial]) -> tuple[str, Architecture] | None:
    """Return the first reference that is not among `trials`, with its name; None without one."""
    known = {trial.reference for trial in trials}
    for entry in spec.references:
        if entry.name not in known:
            return entry.name, entry.architecture
    return None


def next_candidate(
    spec: StudySpec, trials: Sequence[Trial], borrowed: Sequence[Trial], sampler: Sampler
) -> Architecture | None:
    """Return a new architecture for the trial that follows `trials`.

    `borrowed` are trainings of earlier studies, which the sampler also sees. None if the sampler
    proposes no architecture, or only architectures that are already candidates.
    """
    candidates = [trial for trial in trials if trial.candidate]
    if spec.networks:
        return spec.fixed[len(candidates)].architecture
    number, history = len(trials), seen(trials, borrowed)
    taken = {trial.arch_id for trial in candidates}
    for proposal in range(_PROPOSALS):
        rng = np.random.default_rng([spec.seed, number, proposal])
        proposed = sampler.propose(history, number, rng)
        if proposed is None:
            return None
        architecture = spec.space_of(proposed).check(proposed)
        if architecture.arch_id not in taken:
            return architecture
    return None
