"""The text of a failure: what is wrong, what to do, and how to continue a study."""

import click


def say_failure(cause: str, remedy: str, error: BaseException | None = None) -> None:
    """Print two lines on stderr, and the notes of `error`."""
    notes = [f"     {note}" for note in getattr(error, "__notes__", ())]
    click.echo("\n".join([f"nas: {cause}", f"     {remedy}", *notes]), err=True)
