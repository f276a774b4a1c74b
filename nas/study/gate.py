"""The gate: it refuses candidates over the budget, and finds such candidates in the record."""

from collections.abc import Iterable

import numpy as np

from nas.cost import Cost, exceeded
from nas.errors import BudgetError
from nas.space import Architecture
from nas.steady_clock import CLOCK
from nas.study.spec import StudySpec
from nas.study.trial import Trial, TrialState


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
