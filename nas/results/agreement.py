"""Agreement: whether a short schedule ranks networks like the full training that confirms them.

A search with a short schedule trains every candidate with fewer epochs, or on smaller images, than
the full training. The best candidates and the references then get the full training in a separate
study; a report of each trial, of kind `CONFIRMED`, holds their results there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.results.estimate import Estimate
from nas.results.findings import StudyResults
from nas.results.score_audit import band_text, in_band
from nas.results.taught import reported_estimate
from nas.stats import Interval, correlation
from nas.study import Trial
from nas.units import plural

CONFIRMED = "confirmed"  # the kind of report
FEWEST = 8  # networks with both trainings, for a correlation


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's `rho` of the results of `n` networks of the `band` by both trainings.

    `rho` is None for fewer than eight networks, or if the results of one training are all equal.
    """

    band: str
    n: int
    rho: Interval | None

    def __str__(self) -> str:
        """Return it as text."""
        both = f"{plural(self.n, 'network')} at {self.band} with both trainings"
        if self.n < FEWEST:
            return f"{both}: too few to compare their ranks, {FEWEST} needed"
        if self.rho is None:
            return f"{both}, without differences to rank"
        value, low, high = self.rho.value, self.rho.low, self.rho.high
        return f"rank correlation {value:.2f} ({low:.2f} to {high:.2f}) of {both}"


def agreement(found: StudyResults) -> Agreement | None:
    """Return how well the short schedule of a search ranks; None if nothing was confirmed.

    Only networks at 85 to 100 % of the first budget count: over all costs, all schedules agree.
    """
    both = list(_confirmed_trials(found))
    if not both:
        return None
    members = in_band(both, found.spec.budget)
    short = [own.mean for trial in members if (own := found.estimate(trial.number))]
    real = [own.mean for trial in members if (own := confirmed(found, trial.number))]
    rho = correlation(np.array(short), np.array(real), FEWEST)
    return Agreement(band_text(found.spec.budget), len(members), rho)


def confirmed(found: StudyResults, number: int, split: str = "validation") -> Estimate | None:
    """Return the result of a network with the full training; None if it has none."""
    report = found.reports.get(number, {}).get(CONFIRMED, {})
    return reported_estimate(found, report, split)


def confirmed_lines(found: StudyResults) -> list[tuple[str, str]]:
    """Return the results of the full training, and the agreement with the short one, as text.

    Each line is (label, text); the last one is the agreement.
    """
    lines, short = [], found.metric.short
    for trial in _confirmed_trials(found):
        number = trial.number
        own, test = confirmed(found, number), confirmed(found, number, "test")
        if own is not None:
            report = found.reports[number][CONFIRMED]
            how = f"{report['recipe']}, {report['epochs']} epochs at {report['input']}"
            tested = f"; test {short} {test}" if test else ""
            lines.append(
                (found.spec.network_name(trial), f"validation {short} {own}{tested} ({how})")
            )
    whole = agreement(found)
    return [*lines, ("short schedule", str(whole))] if whole else lines


def agreement_document(found: StudyResults) -> dict[str, Any] | None:
    """Return the agreement as plain data, with the results of each network by both trainings."""
    whole = agreement(found)
    if whole is None:
        return None
    rho = whole.rho
    return {
        "band": whole.band,
        "networks": whole.n,
        "rho": {"value": rho.value, "low": rho.low, "high": rho.high} if rho else None,
        "text": str(whole),
        "confirmed": [
            {**found.reports[trial.number][CONFIRMED], "trial": trial.number}
            for trial in _confirmed_trials(found)
        ],
    }


def _confirmed_trials(found: StudyResults) -> Iterator[Trial]:
    """Yield the first training of each complete network that also has the full training."""
    for number in sorted(number for number, kinds in found.reports.items() if CONFIRMED in kinds):
        yield from found.own(number)[:1]
