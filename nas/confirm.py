"""Confirmation: which candidates are trained again with further seeds, and what that says of them.

The lowest of many noisy errors is lower than the network deserves (the winner's curse), so the top
candidates are retrained in full with further seeds, and the winner is chosen on the mean over all
its seeds. The mean still holds the observation that got it chosen: the mean of the `further` seeds
alone is free of that choice, and is shown beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.replicates import Summary
from nas.spec import StudySpec
from nas.trial import Trial, TrialState


@dataclass(frozen=True)
class Confirmed:
    """The complete trainings of one candidate, two or more: the search's own one first."""

    seeds: tuple[Trial, ...]

    def observed(self, name: str) -> float:
        """Return a metric as the search saw it, under the first seed alone."""
        return self._values(name)[0]

    def summary(self, name: str) -> Summary:
        """Return the mean of a metric over all seeds, with n and the interval."""
        return Summary.of(self._values(name))

    def further(self, name: str) -> float:
        """Return the mean over the further seeds: what was chosen is not among them."""
        return Summary.of(self._values(name)[1:]).mean

    def words(self) -> str:
        """Return the top-1 error before and after as a sentence, with n and the 95 % interval."""
        found, name = self.summary("top1_error"), "top1_error"
        more = len(self.seeds) - 1
        return (
            f"observed in the search {100 * self.observed(name):.2f} %, "
            f"confirmed {100 * found.mean:.2f} % ± {100 * (found.reach or 0.0):.2f} "
            f"({found.n} seeds; the {f'{more} further ones' if more > 1 else 'further one'} "
            f"{100 * self.further(name):.2f} %)"
        )

    def _values(self, name: str) -> list[float]:
        return [trial.value(name) or 0.0 for trial in self.seeds]


def confirmed(trials: Sequence[Trial]) -> dict[int, Confirmed]:
    """Return the candidates that have been trained to the end under two seeds or more."""
    seeds: dict[int, list[Trial]] = {}
    for trial in trials:
        if trial.candidate and trial.state is TrialState.COMPLETE:
            seeds[trial.number] = [trial]
    for trial in trials:
        if trial.replicate_of in seeds and trial.state is TrialState.COMPLETE:
            seeds[trial.replicate_of].append(trial)
    return {number: Confirmed(tuple(own)) for number, own in seeds.items() if len(own) > 1}


def chosen(spec: StudySpec, trials: Sequence[Trial], believed: Mapping[int, float]) -> list[int]:
    """Return the numbers of the candidates to confirm, the most promising first.

    They have the lowest `believed` loss of the first objective, or the lowest observed one where
    nothing is believed of a trial; the cheaper of equals comes first.
    """
    goal = spec.goals[0]
    done = [trial for trial in trials if trial.candidate and trial.state is TrialState.COMPLETE]

    def order(trial: Trial) -> tuple[float, float, int, int]:
        observed = goal.loss(trial.value(goal.name) or 0.0)
        belief = believed.get(trial.number, observed)
        return belief, observed, trial.cost.madds, trial.number

    return [trial.number for trial in sorted(done, key=order)[: spec.confirm]]


def num_replicates(spec: StudySpec, trials: Sequence[Trial], searched: bool) -> int:
    """Return how many further seeds a study trains, at most while it is not yet `searched`."""
    done = sum(trial.candidate and trial.state is TrialState.COMPLETE for trial in trials)
    return (min(spec.confirm, done) if searched else spec.confirm) * (spec.seeds - 1)


def next_replicate(
    spec: StudySpec, trials: Sequence[Trial], numbers: Sequence[int]
) -> tuple[int, int] | None:
    """Return (candidate, replicate) of the next training, None where all have been begun.

    Every candidate gets its second seed before any gets a third, so that an early end leaves means
    of as many seeds as can be had.
    """
    begun = {(trial.replicate_of, trial.replicate) for trial in trials if trial.replicate}
    for replicate in range(1, spec.seeds):
        for number in numbers:
            if (number, replicate) not in begun:
                return number, replicate
    return None
