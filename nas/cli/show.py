"""`nas show`: a study with its trials, or one trial."""

import csv
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output

if TYPE_CHECKING:
    from nas.results import StudyResults
    from nas.store import StudyNode
    from nas.workflows import StoredStudy

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
    help="Show one trial: its network by stage, its curve, its seeds and the path of its weights.",
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
    from nas.workflows import StoredStudy

    ways = {"--trial": number is not None, "--all": all_, "--csv": csv_, "--profile": profile}
    _check([option for option, given in ways.items() if given], json_)
    stored = StoredStudy(study, db)
    if profile:
        _show_profile(stored, json_)
    elif number is not None:
        _show_trial(stored, number, json_)
    elif json_:
        output.echo_json(stored.record())
    elif csv_:
        _print_csv(stored.read(curves=False))
    else:
        _print_study(stored, all_)


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


def _show_profile(stored: "StoredStudy", json_: bool) -> None:
    from nas.cli.profile import show_study

    show_study(stored.read(curves=False), stored.command(f"resume {stored.name}"), json_)


def _show_trial(stored: "StoredStudy", number: int, json_: bool) -> None:
    from nas.cli.show_trial import show_trial
    from nas.results import trial_details

    found, trial = stored.read_trial(number)
    details = trial_details(trial, found, stored.attempts(number))
    if json_:
        output.echo_json(details)
        return
    export = stored.command(f"export {stored.name} --trial {number} -o DIR")
    show_trial(found, trial, details, stored.weights_files(found, trial), export)


def _print_study(stored: "StoredStudy", all_: bool) -> None:
    from nas.cli import study_tables
    from nas.study import trial_notes

    found = stored.read(curves=False)
    for key, value in study_tables.settings(found.spec):
        output.field(key, value)
    if stored.storage:
        output.field("storage", stored.storage)
    output.field("weights", _weights(stored.weights(found)))
    for node in stored.nodes():
        output.field("node", _node(node))
    output.field("versions", ", ".join(f"{key} {value}" for key, value in stored.versions.items()))
    click.echo("")
    trials, more = found.trials, 0
    if not all_ and len(trials) > _ALL_UP_TO:
        trials = found.notable(_BEST)
        more = len(found.trials) - len(trials)
    study_tables.print_trials(found, "", trials)
    if more:
        output.paragraph(
            f"These {len(trials)} are the best; {more:,} more trials: --all, --csv or --json."
        )
    study_tables.print_figures(found)
    said = trial_notes(found.reports)
    for trial in trials:
        if trial.number in said:
            output.paragraph(f"\ntrial {trial.number}: {said[trial.number]}")
    _print_failures(found)


def _weights(kept: Mapping[str, Any]) -> str:
    """Return how many weights a study has, as text."""
    removed = f"; {kept['removed']} removed after the study" if kept["removed"] else ""
    return f"of {output.plural(kept['trials'], 'training')} (--keep {kept['keep']}){removed}"


def _node(node: "StudyNode") -> str:
    """Return a checked node of a cluster as text."""
    versions = ", ".join(f"{name} {version}" for name, version in node.fingerprint.items())
    left_out = f"; left out: {node.problem}" if node.problem else ""
    return f"{node.host} ({node.node[:8]}) {versions}{left_out}"


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
    from nas.results import choice_columns, choice_record, record_columns, trial_record

    writer = csv.DictWriter(
        sys.stdout,
        [*record_columns(found), *_CSV_MORE, *choice_columns(found.spec)],
        restval="",
        extrasaction="ignore",
        lineterminator="\n",
    )
    writer.writeheader()
    for trial in found.trials:
        writer.writerow(trial_record(trial, found) | choice_record(trial, found.spec))
