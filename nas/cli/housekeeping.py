"""`nas delete` and `nas rename`: delete a study with its files, or rename it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options

if TYPE_CHECKING:
    from nas.store import Store


@click.command()
@click.argument("study")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@options.results("Results directory of the study, if it was moved.")
@options.database
def delete(study: str, yes: bool, results_dir: Path, db: str | None) -> None:
    """Delete a STUDY: its record, weights, report and export. Trainings by nas train are kept.

    \b
    Example:
      nas delete igcv3-300m-madds-digits --yes
    """
    from nas.cli import output
    from nas.errors import NasError
    from nas.store import open_store
    from nas.units import size_in_bytes

    with open_store(db, create=False) as store:
        store.look_in(results_dir)
        spec = store.spec(study)
        with store.acquire(study):
            trials = output.plural(len(store.trials(study)), "trial")
            folders = ", ".join(map(str, store.folders(study))) or "no files"
            if not yes:
                question = f"delete {spec.name}, {trials}, and {folders}?"
                try:
                    agreed = click.confirm(question, default=False)
                except click.Abort:
                    raise NasError(
                        "no answer: nothing was deleted.", "Add --yes to delete without a question."
                    ) from None
                if not agreed:
                    click.echo("nothing was deleted")
                    return
            missing = _missing(store, study)
            done = store.delete_study(study)
    click.echo(f"deleted {study}, {trials}: {size_in_bytes(done.freed) or 'nothing'} freed")
    if done.kept:
        kept = output.plural(done.kept, "file")
        one = done.kept == 1
        stay = "is kept: another study reuses it" if one else "are kept: other studies reuse them"
        click.echo(f"{kept} of its weights {stay}")
    if missing is not None:
        click.echo(f"{missing}: any files there were not deleted", err=True)
    for folder in done.left:
        click.echo(f"{folder} could not be deleted", err=True)


def _missing(store: "Store", study: str) -> str | None:
    """Return the reason if files of a study cannot be found."""
    from nas.errors import StorageError

    try:
        folder = store.missing_folder(study)
    except StorageError as error:
        return error.cause.rstrip(".")
    return f"{folder} is not there" if folder else None


@click.command()
@click.argument("study")
@click.argument("name")
@options.results("Results directory of the study, if it was moved.")
@options.database
def rename(study: str, name: str, results_dir: Path, db: str | None) -> None:
    """Give a STUDY another NAME, and rename its folder.

    \b
    Example:
      nas rename igcv3-300m-madds-digits first-try
    """
    from nas.store import open_store

    with open_store(db, create=False) as store:
        store.look_in(results_dir)
        with store.acquire(study):
            store.rename_study(study, name)
        folders = ", ".join(map(str, store.folders(name)))
    click.echo(f"{study} is now {name}" + (f", its files in {folders}" if folders else ""))
