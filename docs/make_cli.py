"""Write docs/cli.md from the help texts of the command line: `python docs/make_cli.py`."""

from collections.abc import Iterator
from pathlib import Path

import click

from nas.cli import app

TARGET = Path(__file__).with_name("cli.md")
_WIDTH = 80  # columns of a help text, whatever the terminal has
_HEAD = """# Command line

What `nas VERB --help` prints, verb by verb. Written by `python docs/make_cli.py`; a test compares
this page with the program.
"""


def verbs() -> Iterator[tuple[str, click.Context]]:
    """Yield every verb as it is typed (`nas`, `nas search`, …) with its context."""
    root = click.Context(app, info_name="nas", terminal_width=_WIDTH, **app.context_settings)
    yield from _below(root)


def render() -> str:
    """Return the page."""
    parts = [_HEAD]
    for name, context in verbs():
        parts.append(f"## `{name}`\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def _below(context: click.Context) -> Iterator[tuple[str, click.Context]]:
    yield context.command_path, context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from _below(
                click.Context(command, context, info_name=name, terminal_width=_WIDTH)
            )


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
