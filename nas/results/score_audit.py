"""Audit: whether training-free scores foretell the error, inside the budget band, by rank.

What counts is the rank correlation (Spearman) among candidates whose cost is 85 to 100 % of the
budget's first ceiling: over a whole space every score foretells something, for larger networks
have lower errors, but there the MAdds do as well and cost nothing. Positive means that the score is
right: a higher score went with a lower error. A score is used only where the 95 % interval of that
correlation lies above zero.

The interval is Fisher's, with the standard error sqrt((1 + r^2/2) / (n - 3)) of Bonett and Wright
(Psychometrika 2000). On simulated pairs, 10 to 50 of them, it covers the truth in 94.5 to 96.7 % of
the cases; the percentile bootstrap does as well (93 to 98 %), but this one is closed arithmetic:
the same on every call, and quick enough for each proposal. For the difference between two scores
on the same candidates there is no such formula, so that one is bootstrapped in pairs, from a fixed
seed.

Two things to know of the numbers. Candidates that were stopped early have no final error, and those
that went on are the better ones: the range is narrowed, and correlations with it. And each score
has its own 2.5 % to be used by mere luck.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nas.cost import Constraint
from nas.feasible import BAND
from nas.results.findings import complete_candidates
from nas.stats import FEWEST, Interval, Values, correlation, correlation_difference
from nas.study import Trial
from nas.units import amount

BASELINES = ("madds", "params", "depth")
TOGETHER = "rank average"

_COST_SUFFIX = "_ms"


@dataclass(frozen=True, slots=True)
class ScoreFinding:
    """What became of one score.

    `n` candidates had it; `rho` is None where they are fewer than 10, or where the score or the
    error is the same for all. `margin` is rho less that of the MAdds, over the same candidates.
    `cost_ms` is the mean time that the score took.
    """

    name: str
    n: int
    rho: Interval | None
    margin: Interval | None = None
    cost_ms: float | None = None

    @property
    def baseline(self) -> bool:
        """Whether this is a bar to clear, and no score."""
        return self.name in BASELINES

    @property
    def used(self) -> bool:
        """Whether the score has proved itself."""
        return not self.baseline and self.rho is not None and self.rho.above_zero

    @property
    def verdict(self) -> str:
        """Say in a few words what follows."""
        if self.rho is None:
            return f"too few: {FEWEST} needed" if self.n < FEWEST else "nothing to rank"
        if self.baseline:
            return "baseline"
        if not self.used:
            return "not used: " + ("wrong way round" if self.rho.high < 0 else "may be nothing")
        if self.margin is None:
            return "used"
        return "used, beats madds" if self.margin.above_zero else "used, not shown to beat madds"


@dataclass(frozen=True, slots=True)
class ScoreAudit:
    """The findings on every score, baselines last, over `n` candidates of the band.

    `complete` candidates there are with any cost. `band` is in words. `together` is the rank
    average of the scores in use, flattered by being judged on the candidates that chose them.
    """

    band: str
    n: int
    complete: int
    findings: tuple[ScoreFinding, ...]
    together: ScoreFinding | None

    @property
    def enough(self) -> bool:
        """Whether there are candidates enough to judge."""
        return self.n >= FEWEST


def audit_scores(
    trials: Sequence[Trial], budget: Sequence[Constraint], margins: bool = True
) -> ScoreAudit:
    """Judge every score of `trials`, which may be all of a study, by its COMPLETE candidates.

    Without `margins` nothing is bootstrapped, and whether a score beats the MAdds stays open.
    """
    complete = complete_candidates(trials)
    members = in_band(complete, budget)
    findings = tuple(
        _judged(name, _column(name, members), members, margins) for name in _names(members)
    )
    weights = {
        finding.name: finding.rho.low for finding in findings if finding.used and finding.rho
    }
    together = None
    if weights:
        ranked = rank_average([scores(trial) for trial in members], weights)
        together = _judged(TOGETHER, ranked, members, margins)
    return ScoreAudit(_band_text(budget), len(members), len(complete), findings, together)


def in_band(trials: Sequence[Trial], budget: Sequence[Constraint]) -> list[Trial]:
    """Return the trials that cost 85 to 100 % of the first ceiling; all where there is none."""
    if not budget:
        return list(trials)
    cost, limit = budget[0].cost, budget[0].limit
    return [trial for trial in trials if BAND * limit <= getattr(trial.cost, cost) <= limit]


def scores(trial: Trial) -> dict[str, float]:
    """Return the training-free scores of a trial by name, without what they took to compute."""
    found = trial.proxies or {}
    return {name: value for name, value in found.items() if not name.endswith(_COST_SUFFIX)}


def rank_average(rows: Sequence[Mapping[str, float]], weights: Mapping[str, float]) -> Values:
    """Return the weighted mean of the ranks of each row among all, from 0 (worst) to 1 (best).

    A score that a row lacks counts as the middle of the ranks. Shape (rows,).

    Raises:
        ValueError: no weight is positive.
    """
    from scipy.stats import rankdata  # takes time to load; only the audit needs it

    total = sum(weights.values())
    if total <= 0:
        raise ValueError(f"no score has a positive weight: {dict(weights)}")
    mean = np.zeros(len(rows))
    for name, weight in weights.items():
        values = np.array([row.get(name, math.nan) for row in rows], dtype=float)
        has = ~np.isnan(values)
        shares = np.full(len(rows), 0.5)
        shares[has] = (rankdata(values[has]) - 0.5) / max(1, int(has.sum()))
        mean += weight / total * shares
    return mean


def _names(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the scores in alphabetical order, then the baselines at hand."""
    seen: set[str] = set()
    for trial in trials:
        seen.update(trial.proxies or ())
    depth = ["depth"] if "depth" in seen else []
    found = [name for name in seen if not name.endswith(_COST_SUFFIX) and name not in BASELINES]
    return [*sorted(found), "madds", "params", *depth]


def _errors(trials: Sequence[Trial]) -> Values:
    return np.array([trial.final.top1_error for trial in trials if trial.final], dtype=float)


def _column(name: str, trials: Sequence[Trial]) -> Values:
    """Return one score, or cost, of each trial; NaN where it has none."""
    if name in ("madds", "params"):
        return np.array([getattr(trial.cost, name) for trial in trials], dtype=float)
    nothing: Mapping[str, float] = {}
    found = [(trial.proxies or nothing).get(name, math.nan) for trial in trials]
    return np.array(found, dtype=float)


def _judged(name: str, values: Values, trials: Sequence[Trial], margins: bool) -> ScoreFinding:
    has = ~np.isnan(values)
    rightness = -_errors(trials)[has]
    margin = None
    if margins and name not in BASELINES:
        margin = correlation_difference(values[has], _column("madds", trials)[has], rightness)
    costs = [trial.proxies[f"{name}{_COST_SUFFIX}"] for trial in trials
             if trial.proxies and f"{name}{_COST_SUFFIX}" in trial.proxies]  # fmt: skip
    cost = sum(costs) / len(costs) if costs else None
    return ScoreFinding(name, int(has.sum()), correlation(values[has], rightness), margin, cost)


def _band_text(budget: Sequence[Constraint]) -> str:
    if not budget:
        return "any cost"
    low, high = (amount(budget[0].cost, share * budget[0].limit) for share in (BAND, 1))
    return f"{low} to {high} {budget[0].cost}"
