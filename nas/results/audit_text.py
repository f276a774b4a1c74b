"""The audit of scores as text: the rows of its table, its notes and its basis."""

from nas.results.score_audit import ScoreAudit, ScoreFinding
from nas.stats import FEWEST, Interval
from nas.units import plural

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
