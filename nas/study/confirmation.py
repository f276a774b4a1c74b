"""Confirmation: which networks are trained with further seeds, and in which order.

The lowest of many noisy errors is too optimistic (winner's curse). So the top candidates are
retrained in full with further seeds, and the winner is chosen by the mean over its seeds. The
published references get as many seeds, for a fair comparison. `nas.results.findings` summarises the
trainings of one network as an `Estimate`.
"""

from collections.abc import Mapping, Sequence

from nas.study.spec import StudySpec
from nas.study.trial import Trial, TrialState

Trainings = dict[int, tuple[Trial, ...]]


def trainings(trials: Sequence[Trial]) -> Trainings:
    """Return the complete trainings of each network by its number, the first seed first.

    Networks are candidates and references with a complete training.
    """
    found: dict[int, list[Trial]] = {
        trial.number: [trial] for trial in trials if trial.replicate_of is None and trial.final
    }
    for trial in trials:
        if trial.replicate_of in found and trial.final:
            found[trial.replicate_of].append(trial)
    return {number: tuple(own) for number, own in found.items()}


def chosen(spec: StudySpec, trials: Sequence[Trial], expected: Mapping[int, float]) -> list[int]:
    """Return the numbers of the candidates to confirm, the best first.

    They are ordered by the loss of the first objective: the sampler's estimate in `expected`, or
    the observed loss of a trial without one. Of equal candidates the cheaper comes first.
    """
    goal = spec.goals[0]
    done = [trial for trial in trials if trial.candidate and trial.state is TrialState.COMPLETE]

    def order(trial: Trial) -> tuple[float, float, int, int]:
        observed = goal.loss(trial.value(goal.name) or 0.0)
        loss = expected.get(trial.number, observed)
        return loss, observed, trial.cost.madds, trial.number

    return [trial.number for trial in sorted(done, key=order)[: spec.confirm]]


def begun_networks(trials: Sequence[Trial], references: bool) -> list[int]:
    """Return the numbers of the fixed networks that get further seeds: those that have not failed.

    All of them get further seeds, which therefore need not wait until the first seeds end.
    """
    return [
        trial.number
        for trial in trials
        if trial.replicate_of is None
        and (trial.reference is not None) == references
        and trial.state is not TrialState.FAILED
    ]


def repeated_references(spec: StudySpec, trials: Sequence[Trial]) -> list[int]:
    """Return the numbers of the complete references that get further seeds."""
    if spec.reference_seeds < 2:
        return []
    if spec.networks:
        return begun_networks(trials, True)
    return [trial.number for trial in trials if trial.reference and trial.final]


def num_replicates(spec: StudySpec, trials: Sequence[Trial], searched: bool) -> int:
    """Return how many further seeds a study trains; an upper bound until it is `searched`.

    A failed reference gets none.
    """
    if spec.networks:
        firsts = [trial for trial in trials if trial.replicate_of is None]
        failed = {trial.number for trial in firsts if trial.state is TrialState.FAILED}
        of_failed = sum(trial.replicate_of in failed for trial in trials)
        return (len(spec.networks) - len(failed)) * (spec.seeds - 1) + of_failed
    done = sum(trial.candidate and trial.state is TrialState.COMPLETE for trial in trials)
    candidates = min(spec.confirm, done) if searched else spec.confirm
    references = len(spec.references)
    references -= sum(trial.state is TrialState.FAILED for trial in trials if trial.reference)
    return candidates * (spec.seeds - 1) + references * (spec.reference_seeds - 1)


def next_replicate(
    spec: StudySpec,
    trials: Sequence[Trial],
    candidates: Sequence[int],
    references: Sequence[int] = (),
) -> tuple[int, int] | None:
    """Return (network, replicate) of the next training; None if all have been started.

    Every network gets its second seed before any gets a third, so that the means of an interrupted
    study are over equal numbers of seeds where possible. In each round the candidates come first.
    """
    started = {(trial.replicate_of, trial.replicate) for trial in trials if trial.replicate}
    for replicate in range(1, max(spec.seeds, spec.reference_seeds)):
        wanted = [*(candidates if replicate < spec.seeds else ()),
                  *(references if replicate < spec.reference_seeds else ())]  # fmt: skip
        for number in wanted:
            if (number, replicate) not in started:
                return number, replicate
    return None
