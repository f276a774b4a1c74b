"""`nas show`: a study with its trials, or one trial."""

import csv
import heapq
import json
import sys
from collections.abc import Mapping
from math import inf, isnan
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output

if TYPE_CHECKING:
    from nas.results import StudyResults
    from nas.store import Store
    from nas.study import StudySpec, Trial

_ALL_UP_TO = 200  # trials that are printed without --all
_BEST = 100  # trials that are printed of larger studies
_CSV_MORE = ("state", "name", "family", "replicate_of", "fail_reason")
_DETAILS = 3  # failed trials whose cause is printed in full


@click.command()
@click.argument("study")
@click.option(
    "--trial",
    "number",
    type=click.IntRange(0),
    metavar="N",
    help="Show one trial: its network by stage, its curve, its seeds, where its weights are.",
)
@click.option(
    "--all", "all_", is_flag=True, help=f"Print every trial of a study of more than {_ALL_UP_TO}."
)
@click.option(
    "--csv", "csv_", is_flag=True, help="Print every trial as CSV, with each choice of each stage."
)
@click.option(
    "--profile", is_flag=True, help="Show the time of each part, as measured with --profile."
)
@options.database
@options.as_json
def show(
    study: str,
    number: int | None,
    all_: bool,
    csv_: bool,
    profile: bool,
    db: str | None,
    json_: bool,
) -> None:
    """Show one STUDY, its settings and its trials.

    If a study has more than 200 trials, only the best are printed; --all, --csv and --json print
    all.

    \b
    Example:
      nas show igcv3-300m-madds-digits
      nas show igcv3-300m-madds-digits --trial 16
      nas show igcv3-300m-madds-digits --csv > trials.csv
      nas show igcv3-300m-madds-digits --profile
    """
    from nas.store import open_store, without_collecting

    ways = {"--trial": number is not None, "--all": all_, "--csv": csv_, "--profile": profile}
    _check([option for option, given in ways.items() if given], json_)
    with without_collecting(), open_store(db, read_only=True) as store:
        if profile:
            _show_profile(store, study, json_)
        elif number is not None:
            _show_trial(store, study, number, json_)
        else:
            _show_study(store, study, all_, csv_, json_)


def _check(ways: list[str], json_: bool) -> None:
    """Refuse options that exclude each other.

    Raises:
        NasError: there are two of them.
    """
    from nas.errors import NasError

    if json_ and {"--csv", "--all"} & {*ways}:
        ways = [*ways, "--json"]
    if len(ways) > 1:
        raise NasError(f"{' and '.join(ways)} cannot be given together.", "Leave out one of them.")


def _show_profile(store: "Store", study: str, json_: bool) -> None:
    from nas.cli.profile import show_study

    store.spec(study)  # raises if there is no such study
    show_study(study, store.reports(study), store.command(f"resume {study}"), json_)


def _show_trial(store: "Store", study: str, number: int, json_: bool) -> None:
    from nas.cli import show_trial
    from nas.results import StudyResults

    found = StudyResults(store.spec(study), store.trials(study), store.reports(study))
    trial = show_trial.find(found, number, store.command(f"show {study}"))
    if json_:
        output.echo_json(show_trial.document(found, trial))
    else:
        export = store.command(f"export {study} --trial {number} -o DIR")
        show_trial.show_trial(found, trial, lambda one: store.weights_file(study, one), export)


def _show_study(store: "Store", study: str, all_: bool, csv_: bool, json_: bool) -> None:
    from nas.results import StudyResults

    trials = store.trials(study, curves=False)
    found = StudyResults(store.spec(study), trials, store.reports(study))
    if csv_:
        _print_csv(found)
        return
    versions = store.versions(study)
    if json_:
        output.echo_json(_document(found, versions))
    else:
        _print_study(found, versions, all_)


def _document(found: "StudyResults", versions: Mapping[str, str]) -> dict[str, Any]:
    from nas.results import trial_record

    return {
        "study": json.loads(found.spec.to_json()),
        "versions": versions,
        "trials": [
            trial_record(trial, found) | {"fail_detail": trial.fail_detail}
            for trial in found.trials
        ],
        "reports": found.reports,
    }


def _print_study(found: "StudyResults", versions: Mapping[str, str], all_: bool) -> None:
    from nas.cli import rows
    from nas.results import trial_notes

    for key, value in rows.settings(found.spec):
        output.field(key, value)
    output.field("versions", ", ".join(f"{key} {value}" for key, value in versions.items()))
    click.echo("")
    trials, more = found.trials, 0
    if not all_ and len(trials) > _ALL_UP_TO:
        trials = _best(found)
        more = len(found.trials) - len(trials)
    columns = rows.columns(found, latency=bool(found.spec.latency))
    output.table("", columns, rows.shown(trials, found), rows.NUMBERS, rows.OPTIONAL)
    if more:
        output.paragraph(
            f"These {len(trials)} are the best; {more:,} more trials: --all, --csv or --json."
        )
    said = trial_notes(found.reports)
    for trial in trials:
        if trial.number in said:
            output.paragraph(f"\ntrial {trial.number}: {said[trial.number]}")
    _print_failures(found)


def _best(found: "StudyResults") -> "list[Trial]":
    """Return the winner, the front, the references, and the best of the other trials."""
    apart = (*found.front, *found.unconfirmed, *found.references)
    numbers = {trial.number for trial in apart}

    def order(trial: "Trial") -> tuple[bool, bool, int, float]:
        last = trial.last
        value = None if last is None else last.value(found.metric.name)
        loss = inf if value is None or isnan(value) else found.metric.loss(value)
        return (
            trial is not found.best,
            trial.number not in numbers,
            -last.epoch if last else 0,
            loss,
        )

    return heapq.nsmallest(_BEST, found.trials, key=order)


def _print_failures(found: "StudyResults") -> None:
    """Print why trials failed; the first ones in full."""
    failed = [trial for trial in found.trials if trial.fail_detail]
    for trial in failed[:_DETAILS]:
        click.echo(f"\ntrial {trial.number} failed ({trial.fail_reason}):\n{trial.fail_detail}")
    if len(failed) > _DETAILS:
        output.paragraph(
            f"\n{len(failed) - _DETAILS:,} more trials failed; "
            f"--trial N shows why: {', '.join(str(t.number) for t in failed[_DETAILS:][:10])}"
            + (", …" if len(failed) > _DETAILS + 10 else "")
        )


def _print_csv(found: "StudyResults") -> None:
    """Print every trial as CSV; the choices under `stage.choice`, such as stage3.g1."""
    from nas.cli import rows
    from nas.results import trial_record

    writer = csv.DictWriter(
        sys.stdout,
        [*rows.csv_fields(found.spec), *_CSV_MORE, *_choice_names(found.spec)],
        restval="",
        extrasaction="ignore",
        lineterminator="\n",
    )
    writer.writeheader()
    stages = {
        name: [stage.name for stage in space.stages] for name, space in found.spec.spaces.items()
    }
    for trial in found.trials:
        architecture = trial.architecture
        chosen = {
            f"{stage}.{key}": value
            for stage, values in zip(stages[architecture.space], architecture.stages, strict=True)
            for key, value in zip(architecture.keys, values, strict=True)
        }
        writer.writerow(trial_record(trial, found) | chosen)


def _choice_names(spec: "StudySpec") -> list[str]:
    """Return the columns of the choices; equal stage and choice names share a column."""
    return list(
        dict.fromkeys(
            f"{stage.name}.{key}"
            for space in spec.spaces.values()
            for stage in space.stages
            for key in space.keys
        )
    )
