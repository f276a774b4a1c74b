"""`nas db`: upgrade, check and back up the database."""

from dataclasses import asdict
from pathlib import Path

import click

from nas.cli import options, output
from nas.units import size_in_bytes

_MOST = 20  # faults and files that are printed


@click.group()
def db() -> None:
    """Manage the database.

    \b
    Example:
      nas db check --db nas.db
    """


@db.command()
@click.option("--create", is_flag=True, help="Create the tables in an empty database.")
@options.database
def upgrade(db: str | None, create: bool) -> None:
    """Upgrade a database of an older version; an SQLite file is backed up first.

    \b
    Example:
      nas db upgrade --db nas.db
    """
    from nas.store import upgrade as upgrade_store

    done = upgrade_store(db, create)
    if done.before == done.after:
        click.echo(f"nothing to do: the database is already at revision {done.after}")
        return
    backup = f"; backup: {done.backup}" if done.backup else ""
    click.echo(f"upgraded from revision {done.before} to {done.after}{backup}")
    if done.left:
        click.echo(
            f"{output.plural(done.left, 'training')} by nas train could not become studies, "
            "because no study has their search space: they are kept in the table nas_old_training, "
            "and their weights and reports in their folders"
        )


@db.command()
@options.results("Results directory of the studies, if it was moved.")
@options.database
@options.as_json
def check(results_dir: Path, db: str | None, json_: bool) -> None:
    """Check the database, and that every weights file exists and is unchanged.

    The command changes nothing. The exit code is 4 if the database is damaged, 2 if records cannot
    be read or weights are missing or changed. Weights files that no trial records are listed.

    \b
    Example:
      nas db check
      nas db check --db postgresql+psycopg://me@host/nas --results /shared/results
    """
    from nas.errors import WeightsError
    from nas.store import check_store

    found = check_store(db, results_dir)
    if json_:
        output.echo_json(asdict(found))
    else:
        studies = f"{found.studies:,} {'study' if found.studies == 1 else 'studies'}"
        trials, files = output.plural(found.trials, "trial"), output.plural(found.weights, "file")
        click.echo(f"checked {studies}, {trials}, {files} of weights")
        for line in _some([f"no trial records {path}" for path in found.orphans]):
            click.echo(line)
        for line in _some(list(map(str, found.faults))):
            click.echo(line, err=True)
    if found.faults:
        raise WeightsError(
            f"{output.plural(len(found.faults), 'record')} cannot be used.",
            "Restore the files from a backup, or name their folder: --results DIR",
        )


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace an existing file.")
@options.database
def backup(file: Path, force: bool, db: str | None) -> None:
    """Copy an SQLite database into FILE, also while studies run; the copy is checked.

    Weights are not in the database: copy the results folder too.

    \b
    Example:
      nas db backup nas-monday.db
    """
    from nas.store import back_up

    click.echo(f"wrote {file}: {size_in_bytes(back_up(db, file, force))}")


@db.command()
@click.argument("old")
@click.argument("new")
@options.database
def relocate(old: str, new: str, db: str | None) -> None:
    """Record that the files of the storage OLD are in NEW now; copy them there first.

    \b
    Example:
      nas db relocate s3://old-bucket/studies s3://new-bucket/studies
    """
    from nas.storage import storage_text
    from nas.store import open_store

    with open_store(db, create=False) as store:
        moved = store.relocate(storage_text(old), storage_text(new))
        command = store.command("db check")
    click.echo(f"{', '.join(moved)}: weights are in {new} now; to compare their hashes: {command}")


def _some(lines: list[str]) -> list[str]:
    """Return the first lines, and one with the number of the others."""
    more = [f"and {len(lines) - _MOST:,} more"] if len(lines) > _MOST else []
    return [*lines[:_MOST], *more]
