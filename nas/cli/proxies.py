"""`nas proxies`: check whether training-free scores predict the errors of a study."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output
from nas.workflows import AuditRequest, Event, ScoresBegin, Watcher

if TYPE_CHECKING:
    from nas.results import ScoreAudit, ScoreFinding
    from nas.stats import Interval
    from nas.study import StudySpec


@click.command()
@click.argument("study")
@click.option(
    "--compute",
    is_flag=True,
    help="First compute and store the missing scores of complete candidates.",
)
@options.database
@options.as_json
def proxies(study: str, compute: bool, db: str | None, json_: bool) -> None:
    """Audit the training-free scores of a STUDY: do they predict the final error?

    For each score the rank correlation (Spearman's rho) with the final error is shown, among the
    complete candidates that cost 85 to 100 % of the budget's first ceiling, with its 95 % interval.
    A positive correlation means that networks with a higher score have a lower error. A score
    predicts the error only if the whole interval is positive.

    \b
    Example:
      nas proxies igcv3-300m-madds-digits
      nas proxies igcv3-300m-madds-digits --compute --json
    """
    from nas.store import read_address
    from nas.workflows import audit_study

    spec, found = audit_study(AuditRequest(study=study, compute=compute, db=db), _say(json_))
    if json_:
        output.echo_json(_document(spec, found))
    else:
        _print(found, read_address(db).command(f"proxies {study} --compute"))


def _say(json_: bool) -> Watcher:
    def watch(event: Event) -> None:
        if isinstance(event, ScoresBegin) and not json_:
            networks = output.plural(event.number, "network")
            click.echo(f"computing the scores of {networks}", err=True)

    return watch


def _print(found: "ScoreAudit", again: str) -> None:
    from nas.results import AUDIT_COLUMNS, audit_basis, audit_notes, audit_rows

    output.table("", AUDIT_COLUMNS, audit_rows(found), "n rho", "margin")
    click.echo("\n".join(["", *audit_notes(found, again), audit_basis(found)]))


def _document(spec: "StudySpec", found: "ScoreAudit") -> dict[str, Any]:
    from nas.stats import FEWEST

    return {
        "study": spec.name,
        "band": found.band,
        "n": found.n,
        "complete": found.complete,
        "needed": FEWEST,
        "scores": [_plain(finding) for finding in found.findings],
    }


def _plain(finding: "ScoreFinding") -> dict[str, Any]:
    """Return a finding as plain data; an interval as [value, low, high]."""

    def three(found: "Interval | None") -> list[float] | None:
        return [found.value, found.low, found.high] if found else None

    return {
        "name": finding.name,
        "n": finding.n,
        "baseline": finding.baseline,
        "rho": three(finding.rho),
        "rho_less_madds": three(finding.margin),
        "used": finding.used,
        "verdict": finding.verdict,
    }
