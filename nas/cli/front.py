"""`nas front`: the Pareto front of a study."""

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output

if TYPE_CHECKING:
    from nas.spec import StudySpec
    from nas.trial import Trial


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
    from nas import results
    from nas.cli import rows
    from nas.confirm import confirmed
    from nas.store import open_store

    with open_store(db, read_only=True) as store:
        spec, trials = store.spec(study), store.trials(study)
    best, means = results.front(spec, trials), confirmed(trials)
    if json_:
        output.echo_json(
            {
                "study": study,
                "objectives": spec.objectives,
                "hypervolume": results.study_hypervolume(spec, trials),
                "reference_point": spec.reference_point,
                "front": [rows.trial_row(trial, means) for trial in best],
                "published": [rows.trial_row(trial) for trial in trials if trial.reference],
            }
        )
    elif csv_:
        writer = csv.DictWriter(sys.stdout, fieldnames=rows.CSV_FIELDS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows.trial_row(trial, means) for trial in best)
    else:
        print_front(spec, trials)


def print_front(spec: "StudySpec", trials: "Sequence[Trial]") -> None:
    """Print the front beside the published architectures of the family."""
    from nas import results
    from nas.cli import rows
    from nas.confirm import confirmed

    best, means = results.front(spec, trials), confirmed(trials)
    latency = bool(spec.latency)
    columns = rows.columns(means, ["state"], latency)
    title = f"Pareto front of {spec.name} ({', '.join(spec.objectives)}): "
    title += output.plural(len(best), "network")
    output.table(title, columns, rows.shown(best, means), rows.NUMBERS, rows.OPTIONAL)
    if len(spec.spaces) > 1:
        _print_families(spec, trials)
    references = [trial for trial in trials if trial.reference]
    if references:
        click.echo("")
        output.table(
            "published architectures, trained in the same study (no candidates)",
            rows.columns({}, (), latency),
            rows.shown(references),
            rows.NUMBERS,
            rows.OPTIONAL,
        )


def _print_families(spec: "StudySpec", trials: "Sequence[Trial]") -> None:
    """Print the best complete candidate of each space of a study that compares several."""
    from nas.cli import rows
    from nas.confirm import confirmed

    means = confirmed(trials)
    table = [_family_row(spec, name, trials) for name in spec.spaces]
    columns = {"family": "family", "candidates": "candidates"}
    columns |= rows.columns(means, ["state", "name"], bool(spec.latency))
    click.echo("")
    numbers = f"candidates {rows.NUMBERS}"
    output.table("the best of each family within the budget", columns, table, numbers)


def _family_row(spec: "StudySpec", name: str, trials: "Sequence[Trial]") -> dict[str, Any]:
    from nas import results
    from nas.cli import rows
    from nas.confirm import confirmed

    own = [t for t in trials if t.reference is None and t.architecture.space == name]
    best, means = results.best(spec, own), confirmed(own)
    found = rows.shown([best], means)[0] if best else {}
    return {"family": name, "candidates": sum(t.candidate for t in own), **found}
