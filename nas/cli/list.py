"""`nas list`: the studies of a database."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output
from nas.units import size_in_bytes

if TYPE_CHECKING:
    from nas.store import StudySummary


@click.command("list")
@options.database
@options.as_json
def list(db: str | None, json_: bool) -> None:
    """List the studies of a database, those of nas train among them.

    \b
    Example:
      nas list
      nas list --db postgresql+psycopg://me@host/nas --json
    """
    from nas.store import open_store

    with open_store(db, read_only=True) as store:
        studies, sizes = store.studies(), store.disk_use()
        rows = [
            {
                "kind": "training" if study.fixed else "study",
                "study": study.name,
                "state": _state(study),
                "space": study.space,
                "budget": study.budget,
                "task": study.task,
                "trials": dict(study.counts),
                "best_error": study.best if study.metric.share else None,
                **_other(study),
                "bytes": sizes.get(study.name, 0),
                "created_at": study.created_at,
            }
            for study in studies
        ]
    if json_:
        output.echo_json(rows)
        return
    if not rows:
        click.echo("no studies yet; type: nas search --space igcv3 --budget 300M-flops")
        return
    shown = [
        {
            **row,
            "budget": study.budget or ("nas train" if study.fixed else "none"),
            "trials": _trials(study),
            "best_error": _best(study),
            "bytes": size_in_bytes(sizes.get(study.name, 0)),
            "created_at": f"{study.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for row, study in zip(rows, studies, strict=True)
    ]
    columns = {
        "study": "study", "state": "state", "space": "space", "budget": "budget", "task": "task",
        "trials": "trials", "best_error": "best, validation", "bytes": "disk",
        "created_at": "created",
    }  # fmt: skip
    wide = "created_at space task budget"
    output.table("", columns, shown, numbers="best_error bytes", optional=wide)


def _other(study: "StudySummary") -> dict[str, Any]:
    """Return the best value of a study that does not report an error."""
    return {} if study.metric.share else {"metric": study.metric.name, "best": study.best}


def _best(study: "StudySummary") -> str:
    shown = study.metric.show(study.best)
    return f"{shown} {study.metric.short}" if shown else ""


def _trials(study: "StudySummary") -> str:
    counts = [f"{n} {state.value.lower()}" for state, n in study.counts.items() if n]
    return ", ".join(counts) or "none"


def _state(study: "StudySummary") -> str:
    """Return the state; `killed` for a RUNNING study without a live process."""
    state = study.state.value.lower()
    return "killed" if state == "running" and study.holder is None else state
