"""`nas list`: the studies of a database."""

from typing import TYPE_CHECKING

import click

from nas.cli import options, output
from nas.units import size_in_bytes

if TYPE_CHECKING:
    from nas.store import StudySummary


@click.command("list")
@options.database
@options.as_json
def list(db: str | None, json_: bool) -> None:
    """List the studies of a database, including those of nas train.

    \b
    Example:
      nas list
      nas list --db postgresql+psycopg://me@host/nas --json
    """
    from nas.workflows import list_studies

    listed = list_studies(db)
    if json_:
        output.echo_json([record for _, record in listed])
        return
    if not listed:
        click.echo("no studies yet; type: nas search --space igcv3 --budget 300M-flops")
        return
    shown = [
        {
            **record,
            "budget": study.budget or ("nas train" if study.fixed else "none"),
            "trials": _trials(study),
            "best_error": _best(study),
            "bytes": size_in_bytes(record["bytes"]),
            "created_at": f"{study.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for study, record in listed
    ]
    columns = {
        "study": "study", "state": "state", "space": "space", "budget": "budget", "task": "task",
        "trials": "trials", "best_error": "best, validation", "bytes": "disk",
        "created_at": "created",
    }  # fmt: skip
    wide = "created_at space task budget"
    output.table("", columns, shown, numbers="best_error bytes", optional=wide)


def _best(study: "StudySummary") -> str:
    shown = study.metric.show(study.best)
    return f"{shown} {study.metric.short}" if shown else ""


def _trials(study: "StudySummary") -> str:
    counts = [f"{n} {state.value.lower()}" for state, n in study.counts.items() if n]
    return ", ".join(counts) or "none"
