"""`nas db`: manage the database."""

import click

from nas.cli import options, output


@click.group()
def db() -> None:
    """Manage the database.

    \b
    Example:
      nas db upgrade --db nas.db
    """


@db.command()
@options.database
def upgrade(db: str | None) -> None:
    """Upgrade a database of an older version; an SQLite file is backed up first.

    \b
    Example:
      nas db upgrade --db nas.db
    """
    from nas.store import upgrade as upgrade_store

    done = upgrade_store(db)
    if done.before == done.after:
        click.echo(f"nothing to do: the database is already at revision {done.after}")
        return
    backup = f"; backup: {done.backup}" if done.backup else ""
    click.echo(f"upgraded from revision {done.before} to {done.after}{backup}")
    if done.left:
        click.echo(
            f"{output.plural(done.left, 'training')} by nas train could not become studies, for no "
            "study has their search space: they are kept in the table nas_old_training, and their "
            "weights and reports in their folders"
        )
