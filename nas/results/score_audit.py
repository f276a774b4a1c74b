"""Audit: rank correlation of training-free scores with the error, inside the budget band.

The criterion is Spearman's rank correlation among candidates whose cost is 85 to 100 % of the
budget's first ceiling. Over a whole space every score correlates with the error, because larger
networks have lower errors; but MAdds do as well there and cost nothing. A positive correlation
means that a higher score goes with a lower error. A score passes only if the 95 % interval of its
correlation is above zero.

The interval is Fisher's, with the standard error sqrt((1 + r^2/2) / (n - 3)) of Bonett and Wright
(Psychometrika 2000). On 10 to 50 simulated pairs it covers the true value in 94.5 to 96.7 % of the
cases; the percentile bootstrap is as good (93 to 98 %), but this interval is deterministic and
fast. For the difference between two scores on the same candidates there is no such formula; it uses
a paired bootstrap from a fixed seed.

These numbers have two limits. Candidates that were stopped early have no final error, and the
others are better, which reduces the range and the correlation. Each score has a 2.5 % chance to
pass without any effect.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nas.cost import Constraint
from nas.feasible import BAND
from nas.metrics import TOP1_ERROR, Metric, cost_metric
from nas.results.findings import complete_candidates
from nas.stats import FEWEST, Interval, Values, correlation, correlation_difference
from nas.study import StudySpec, Trial
from nas.units import plural

BASELINES = ("madds", "params", "depth")


@dataclass(frozen=True, slots=True)
class ScoreFinding:
    """The finding on one score.

    `n` candidates have it; `rho` is None for fewer than 10 candidates, or if the score or the error
    is constant. `margin` is rho minus the rho of the MAdds on the same candidates.
    """

    name: str
    n: int
    rho: Interval | None
    margin: Interval | None = None

    @property
    def baseline(self) -> bool:
        """Whether this is a baseline, not a score."""
        return self.name in BASELINES

    @property
    def used(self) -> bool:
        """Whether the correlation is significant and positive."""
        return not self.baseline and self.rho is not None and self.rho.above_zero

    @property
    def verdict(self) -> str:
        """Return the result as a short text."""
        if self.rho is None:
            return f"too few: {FEWEST} needed" if self.n < FEWEST else "nothing to rank"
        if self.baseline:
            return "baseline"
        if not self.used:
            return "not used: " + ("negative" if self.rho.high < 0 else "not significant")
        if self.margin is None:
            return "used"
        return "used, beats madds" if self.margin.above_zero else "used, not shown to beat madds"


@dataclass(frozen=True, slots=True)
class ScoreAudit:
    """The findings on all scores, baselines last, over `n` candidates of the band.

    `complete` counts candidates of any cost. `band` is a text.
    """

    band: str
    n: int
    complete: int
    findings: tuple[ScoreFinding, ...]

    @property
    def enough(self) -> bool:
        """Whether there are enough candidates for a result."""
        return self.n >= FEWEST

    @property
    def scored(self) -> bool:
        """Whether some candidate of the band has a score."""
        return any(finding.n for finding in self.findings if not finding.baseline)


def study_audit(spec: StudySpec, trials: Sequence[Trial], *, baselines: bool = True) -> ScoreAudit:
    """Judge every score of a study, as `audit_scores`."""
    return audit_scores(trials, spec.budget, spec.reported, baselines=baselines)


def audit_scores(
    trials: Sequence[Trial],
    budget: Sequence[Constraint],
    metric: Metric = TOP1_ERROR,
    *,
    baselines: bool = True,
) -> ScoreAudit:
    """Judge every score of `trials`, which may be all of a study, by its COMPLETE candidates.

    The correlation is positive if a higher score goes with a lower loss of `metric`. Without
    `baselines`, there are no findings if the trials have no scores.
    """
    complete = complete_candidates(trials)
    members = in_band(complete, budget)
    names = _names(members)
    if not baselines and set(names) <= set(BASELINES):
        names = []
    findings = tuple(_judged(name, _column(name, members), members, metric) for name in names)
    return ScoreAudit(band_text(budget), len(members), len(complete), findings)


def in_band(trials: Sequence[Trial], budget: Sequence[Constraint]) -> list[Trial]:
    """Return the trials that cost 85 to 100 % of the first ceiling; all without a ceiling."""
    if not budget:
        return list(trials)
    cost, limit = budget[0].cost, budget[0].limit
    return [trial for trial in trials if BAND * limit <= getattr(trial.cost, cost) <= limit]


def _names(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the scores in alphabetical order, then the available baselines."""
    seen: set[str] = set()
    for trial in trials:
        seen.update(trial.proxies or ())
    depth = ["depth"] if "depth" in seen else []
    return [*sorted(seen - {*BASELINES}), "madds", "params", *depth]


def _column(name: str, trials: Sequence[Trial]) -> Values:
    """Return one score or cost of each trial; NaN if missing."""
    if name in ("madds", "params"):
        return np.array([getattr(trial.cost, name) for trial in trials], dtype=float)
    nothing: Mapping[str, float] = {}
    found = [(trial.proxies or nothing).get(name, math.nan) for trial in trials]
    return np.array(found, dtype=float)


def _judged(name: str, values: Values, trials: Sequence[Trial], metric: Metric) -> ScoreFinding:
    has = ~np.isnan(values)
    losses = [metric.loss(t.final.metrics[metric.name]) for t in trials if t.final]
    rightness = -np.array(losses, dtype=float)[has]
    margin = None
    if name not in BASELINES:
        margin = correlation_difference(values[has], _column("madds", trials)[has], rightness)
    return ScoreFinding(name, int(has.sum()), correlation(values[has], rightness), margin)


def band_text(budget: Sequence[Constraint]) -> str:
    """Return the costs of the band as text."""
    if not budget:
        return "any cost"
    low, high = (cost_metric(budget[0].cost).show(share * budget[0].limit) for share in (BAND, 1))
    return f"{low} to {high} {budget[0].cost}"


AUDIT_COLUMNS = {
    "name": "score",
    "n": "n",
    "rho": "rho",
    "interval": "95 %",
    "margin": "less madds",
    "verdict": "verdict",
}


def audit_rows(found: ScoreAudit) -> list[dict[str, str]]:
    """Return a row for each score, by the keys of AUDIT_COLUMNS."""
    return [_row(each) for each in found.findings]


def audit_notes(found: ScoreAudit, compute: str) -> list[str]:
    """Return a note if candidates or scores are missing; `compute` computes missing scores."""
    if not found.complete:
        return ["no candidate is complete yet"]
    if not found.scored:
        what = "the complete candidates of the band have no scores" if found.n else _too_few(found)
        return [what, f"compute missing scores with: {compute}"]
    return [] if found.enough else [f"no conclusion is possible yet: {_too_few(found)}"]


def audit_basis(found: ScoreAudit) -> str:
    """Return the candidates by which scores are judged, and the meaning of rho, as text."""
    return (
        f"over {plural(found.n, 'complete candidate')} of {found.band}; rho: Spearman's, "
        "positive if a higher score goes with a lower error"
    )


def audit_sentences(found: ScoreAudit, compute: str) -> list[str]:
    """Return the notes and the basis of an audit as sentences of a page."""
    texts = [f"{audit_basis(found)}.", "; ".join(audit_notes(found, compute))]
    return [text[:1].upper() + text[1:] for text in texts if text]


def _too_few(found: ScoreAudit) -> str:
    return (
        f"{found.n} of {plural(found.complete, 'complete candidate')} "
        f"{'is' if found.n == 1 else 'are'} within {found.band}, {FEWEST} are needed"
    )


def _row(finding: ScoreFinding) -> dict[str, str]:
    rho, margin = finding.rho, finding.margin
    return {
        "name": finding.name,
        "n": str(finding.n),
        "rho": f"{rho.value:+.2f}" if rho else "",
        "interval": _ends(rho) if rho else "",
        "margin": f"{margin.value:+.2f}, {_ends(margin)}" if margin else "",
        "verdict": finding.verdict,
    }


def _ends(found: Interval) -> str:
    return f"{found.low:+.2f} to {found.high:+.2f}"
