"""`nas submit`, `nas drive` and `nas stop`: studies that another process runs."""

from pathlib import Path

import click

from nas.cli import options
from nas.errors import NasError
from nas.interruption import EXIT_INTERRUPTED, interruptible
from nas.workflows import RunRequest


@click.command()
@click.argument("study")
@options.database
@options.formats
@options.workers
@options.execution
def submit(study: str, run: RunRequest, db: str | None) -> None:
    """Queue a STUDY of the database for `nas drive --all`, and return.

    nas search --submit creates and queues a new study. Without options, the study keeps the
    settings of its last run.

    \b
    Example:
      nas submit igcv3-300m-madds-cifar10 --ray-address auto
    """
    from nas.workflows import submit

    submit(study, None if run == RunRequest() else run, db)
    click.echo(queued(study, db))


def queued(study: str, db: str | None) -> str:
    """Return the lines to print about a study that was queued."""
    from nas.store import read_address

    command = read_address(db).command
    return f"{study} is queued; a driver starts with: {command('drive --all')}\n" \
           f"or for it alone: {command(f'drive {study}')}"  # fmt: skip


@click.command()
@click.argument("study", required=False)
@options.database
@click.option("--all", "all_", is_flag=True, help="Start a driver for each queued study, and again "
              "if it is lost, until this command is interrupted.")  # fmt: skip
@click.option("--until-idle", is_flag=True, help="With --all: end when no study is queued.")
@click.option(
    "--job-address", metavar="URL",
    help="Start drivers as jobs of the Ray cluster with this job server, such as "
    "http://127.0.0.1:8265. NAS_DB or PGPASSFILE must hold the password of the database there.  "
    "[default: processes of this machine]",
)  # fmt: skip
@options.progress
def drive(
    study: str | None, db: str | None, all_: bool, until_idle: bool, job_address: str | None,
    said: options.Output,
) -> int:  # fmt: skip
    """Run a STUDY of the database with the settings that it was submitted with.

    Only one driver can run a study: a second one exits with code 5. --all restarts a driver that
    ends early, after increasing delays, until five starts in a row make no progress.

    \b
    Example:
      nas drive igcv3-300m-madds-cifar10
      nas drive --all --db postgresql+psycopg://nas@host/nas
      nas drive igcv3-300m-madds-cifar10 --job-address http://127.0.0.1:8265
    """  # fmt: skip
    if (study is None) != all_:
        raise NasError("nas drive needs a STUDY or --all, and not both.", "Type nas drive --all.")
    if until_idle and not all_:
        raise NasError("--until-idle has no effect without --all.", "Leave it out.")
    if study is not None and job_address is None:
        return _drive(study, db, said)
    from nas.workflows import Fleet, jobs, processes

    start = jobs(job_address, db) if job_address else processes(db, _logs())
    if study is not None:
        from nas.workflows import ordered_run

        ordered_run(study, db)  # refuses an unknown name
        start(study)
        click.echo(f"{study}: started a job at {job_address}")
        return 0
    fleet = Fleet(db, start, click.echo)
    with interruptible(owns_process=True) as interruption, interruption.deferred():
        fleet.run(until_idle, interruption)
        return EXIT_INTERRUPTED if interruption() else 0


def _drive(study: str, db: str | None, said: options.Output) -> int:
    from nas.cli.study_screen import Screen, conclude
    from nas.workflows import drive, ordered_run

    with Screen(said, ordered_run(study, db)) as screen:
        outcome = drive(study, screen.run, db, screen.watch)
    return conclude(outcome, said, db)


def _logs() -> Path:
    """Return the folder of the logs of drivers."""
    from nas.user_folders import results_folder

    return results_folder() / ".drivers"


@click.command()
@click.argument("study")
@options.database
def stop(study: str, db: str | None) -> None:
    """Pause a STUDY wherever it runs: its trials save checkpoints, and its driver exits with 130.

    \b
    Example:
      nas stop igcv3-300m-madds-cifar10
    """
    from nas.store import read_address
    from nas.workflows import stop

    holder = stop(study, db)
    command = read_address(db).command(f"submit {study}")
    where = f"its driver {holder} will end within seconds" if holder else "no process runs it"
    click.echo(f"{study} pauses: {where}.\nContinue with: {command}")
