"""`nas list`, `nas show` and `nas front`: what the store holds."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output

if TYPE_CHECKING:
    from nas.spec import StudySpec
    from nas.store import StudySummary
    from nas.trial import Trial


@click.command("list")
@options.database
@options.as_json
def list(db: str | None, json_: bool) -> None:
    """List the studies of a database, and what nas train has trained to the end.

    \b
    Example:
      nas list
      nas list --db postgresql+psycopg://me@host/nas --json
    """
    from nas.cli.train_record import print_summary, summary_rows
    from nas.store import open_store

    with open_store(db, read_only=True) as store:
        studies, trainings = store.studies(), store.trainings()
        rows = [
            {
                "kind": "study",
                "study": study.name,
                "state": _state(study),
                "space": study.space,
                "budget": study.budget,
                "task": study.task,
                "trials": dict(study.counts),
                "best_error": study.best_error,
                "created_at": study.created_at,
            }
            for study in studies
        ]
    if json_:
        output.echo_json([*rows, *summary_rows(trainings)])
        return
    if not rows and not trainings:
        click.echo("no studies yet; type: nas search --space igcv3 --budget 300M-flops")
        return
    shown = [
        {
            **row,
            "trials": _trials(study),
            "best_error": output.percent(study.best_error),
            "created_at": f"{study.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for row, study in zip(rows, studies, strict=True)
    ]
    columns = {
        "study": "study", "state": "state", "space": "space", "budget": "budget", "task": "task",
        "trials": "trials", "best_error": "best val error", "created_at": "created",
    }  # fmt: skip
    if shown:
        wide = "created_at space task budget"
        output.table("", columns, shown, numbers="best_error", optional=wide)
    print_summary(trainings)


def _trials(study: "StudySummary") -> str:
    counts = [f"{n} {state.value.lower()}" for state, n in study.counts.items() if n]
    return ", ".join(counts) or "none"


def _state(study: "StudySummary") -> str:
    """Return the state; `killed` for a study that says it runs while no live process holds it."""
    state = study.state.value.lower()
    return "killed" if state == "running" and study.holder is None else state


@click.command()
@click.argument("study")
@click.option("--profile", is_flag=True, help="Show where the time went, as --profile measured it.")
@options.database
@options.as_json
def show(study: str, profile: bool, db: str | None, json_: bool) -> None:
    """Show one STUDY, its settings and every trial; or one training by its name.

    \b
    Example:
      nas show igcv3-300m-madds-digits
      nas show igcv3-300m-madds-digits --profile
    """
    from nas.cli import rows, train_record
    from nas.cli.profile import show_study
    from nas.confirm import confirmed
    from nas.reports import notes
    from nas.store import open_store

    with open_store(db, read_only=True) as store:
        if training := store.trainings(study):
            train_record.show(training, json_, profile)
            return
        if profile:
            store.spec(study)  # refuses what is no study
            resume = store.command(f"resume {study}")
            show_study(study, store.reports(study), resume, json_)
            return
        spec, trials = store.spec(study), store.trials(study)
        versions, reports = store.versions(study), store.reports(study)
        trainings = [one for one in store.trainings() if one.study == study]
    means = confirmed(trials)
    if json_:
        document = json.loads(spec.to_json())
        output.echo_json(
            {
                "study": document,
                "versions": versions,
                "trials": [
                    rows.trial_row(trial, means) | {"fail_detail": trial.fail_detail}
                    for trial in trials
                ],
                "reports": reports,
                "trainings": train_record.summary_rows(trainings),
            }
        )
        return
    for key, value in rows.settings(spec):
        output.field(key, value)
    output.field("versions", ", ".join(f"{key} {value}" for key, value in versions.items()))
    click.echo("")
    columns = rows.columns(means, latency=bool(spec.latency))
    output.table("", columns, rows.shown(trials, means), rows.NUMBERS, rows.OPTIONAL)
    train_record.print_summary(trainings)
    for number, note in notes(reports).items():
        click.echo(f"\ntrial {number}: {note}")
    for trial in trials:
        if trial.fail_detail:
            click.echo(f"\ntrial {trial.number} failed ({trial.fail_reason}):\n{trial.fail_detail}")


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
