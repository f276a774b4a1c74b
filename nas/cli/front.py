"""`nas front`: the Pareto front of a study."""

import csv
import sys
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output
from nas.errors import NoEffectError

if TYPE_CHECKING:
    from nas.results import StudyResults


@click.command()
@click.argument("study")
@click.option("--csv", "csv_", is_flag=True, help="Print CSV.")
@options.database
@options.as_json
def front(study: str, csv_: bool, db: str | None, json_: bool) -> None:
    """Print the Pareto front of a STUDY, cheapest first, and the published architectures.

    \b
    Example:
      nas front igcv3-300m-madds-digits --csv > front.csv
    """
    from nas.results import front_record
    from nas.workflows import StoredStudy

    if csv_ and json_:
        raise NoEffectError("csv", "{json} is printed", "Give one of the two.")
    found = StoredStudy(study, db).read(curves=False)
    if json_:
        output.echo_json({"study": study, **front_record(found)})
    elif csv_:
        _print_csv(found)
    else:
        print_front(found)
        _print_references(found)


def _print_csv(found: "StudyResults") -> None:
    from nas.results import record_columns, trial_record

    writer = csv.DictWriter(
        sys.stdout, record_columns(found), extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(trial_record(trial, found) for trial in (*found.front, *found.unconfirmed))


def print_front(found: "StudyResults") -> None:
    """Print the front, the unconfirmed candidates, and the published architectures."""
    from nas.cli.study_tables import print_trials

    spec = found.spec
    title = f"Pareto front of {spec.name} ({', '.join(spec.objectives)}): "
    print_trials(found, title + output.plural(len(found.front), "network"), found.front, ["state"])
    if found.unconfirmed:
        title = "\nunconfirmed: not dominated by the front, but of 1 seed each, so not comparable"
        print_trials(found, title, found.unconfirmed, ["state", "spread", "observed", "test"])
    if len(spec.spaces) > 1:
        _print_families(found)


def _print_references(found: "StudyResults") -> None:
    from nas.cli.study_tables import print_trials

    references = [trial for trial in found.trials if trial.reference]
    if references:
        title = "\npublished architectures, trained in the same study (not candidates)"
        print_trials(found, title, references, ["observed"])


def _print_families(found: "StudyResults") -> None:
    """Print the best complete candidate of each space of a study that compares several."""
    from nas.cli import study_tables

    table = [_family_row(found, name) for name in found.spec.spaces]
    columns = {"family": "family", "candidates": "candidates"}
    columns |= study_tables.columns(found, ["state", "name"], bool(found.spec.latency))
    click.echo("")
    numbers = f"candidates {study_tables.NUMBERS}"
    output.table(
        "the best of each family within the budget", columns, table, numbers, study_tables.OPTIONAL
    )


def _family_row(found: "StudyResults", name: str) -> dict[str, Any]:
    from nas.cli import study_tables

    family = found.family(name)
    row = study_tables.shown([family.best], found)[0] if family.best else {}
    return {"family": name, "candidates": sum(t.candidate for t in family.trials), **row}
