"""Proposals: what a sampler sees of a study, and the next trial, which must be in the budget."""

from collections.abc import Iterable, Sequence
from math import inf

import numpy as np

from nas.cost import Cost, exceeded
from nas.errors import BudgetError
from nas.space import Architecture
from nas.steady_clock import CLOCK
from nas.study.objectives import Objective
from nas.study.ports import Sampler
from nas.study.spec import StudySpec
from nas.study.trial import Trial, TrialState

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


def new_trial(
    spec: StudySpec,
    number: int,
    architecture: Architecture,
    cost: Cost,
    reference: str | None = None,
    replicate: tuple[int, int] | None = None,
) -> Trial:
    """Return a new RUNNING trial of `architecture`, with its seed.

    `reference` is the name of a published network, which may exceed the budget. `replicate` is the
    number of the trial that the new one repeats with a further seed, and the index of that seed
    from 1.

    Raises:
        BudgetError: the candidate is over the budget.
    """
    candidate = reference is None and replicate is None
    if candidate and (over := exceeded(spec.budget, cost)):
        raise BudgetError(
            f"the sampler proposed an architecture over the budget: {over}.",
            "Correct the sampler: Feasible.admits must accept each of its proposals.",
        )
    of, count = replicate or (None, 0)
    if spec.networks:
        seed = spec.first_seed + count
    else:
        seeded = [spec.seed, *(replicate or (number // spec.block,))]
        seed = int(np.random.SeedSequence(seeded).generate_state(1)[0])
    return Trial(
        number,
        architecture,
        cost,
        TrialState.RUNNING,
        seed,
        reference=reference,
        attempt=1,
        created_at=CLOCK.now(),
        replicate_of=of,
        replicate=count,
    )


def check_record(spec: StudySpec, candidates: Iterable[Trial]) -> None:
    """Check that every recorded candidate is within the budget.

    Raises:
        BudgetError: a candidate is over the budget, so that its record must have been changed.
    """
    for trial in candidates:
        if over := exceeded(spec.budget, trial.cost):
            raise BudgetError(
                f"trial {trial.number} of {spec.name} is over the budget: {over}.",
                "Its record was changed after the search admitted it. Restore the database "
                "from a copy, or search again under another name.",
            )


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
