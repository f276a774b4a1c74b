"""The text of a failure: what is wrong, what to do, and how to continue a study."""

import click


def say_failure(cause: str, remedy: str, error: BaseException | None = None) -> None:
    """Print two lines on stderr, and the notes of `error`."""
    notes = [f"     {note}" for note in getattr(error, "__notes__", ())]
    text = "\n".join([f"nas: {cause}", f"     {remedy}", *notes])
    click.echo("".join(map(_shown, text)), err=True)


def _shown(character: str) -> str:
    """Return a character of a message, escaped if it is a control character of a terminal."""
    is_text = character.isprintable() or character == "\n" or "\ud800" <= character <= "\udfff"
    return character if is_text else repr(character)[1:-1]
