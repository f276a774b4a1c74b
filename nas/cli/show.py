"""`nas show`: one study and its trials, or one training."""

import json

import click

from nas.cli import options, output


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
    from nas.reports import notes
    from nas.results import StudyResults
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
    found = StudyResults(spec, trials, reports)
    if json_:
        document = json.loads(spec.to_json())
        output.echo_json(
            {
                "study": document,
                "versions": versions,
                "trials": [
                    rows.trial_row(trial, found) | {"fail_detail": trial.fail_detail}
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
    columns = rows.columns(found, latency=bool(spec.latency))
    output.table("", columns, rows.shown(trials, found), rows.NUMBERS, rows.OPTIONAL)
    train_record.print_summary(trainings)
    for number, note in notes(reports).items():
        click.echo(f"\ntrial {number}: {note}")
    for trial in trials:
        if trial.fail_detail:
            click.echo(f"\ntrial {trial.number} failed ({trial.fail_reason}):\n{trial.fail_detail}")
