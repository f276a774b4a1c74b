"""Messages about the measurement of a latency table."""

import sys

import click

from nas.units import duration
from nas.workflows import Event, TableBegun, TableMeasured, TableProgress


def say_latency_table(event: Event) -> None:
    """Print an event on stderr, if it is about a latency table."""
    match event:
        case TableBegun(space=space, device=device):
            click.echo(f"measuring the latency table of {space} on {device}", err=True)
        case TableProgress(share=share):
            if sys.stderr.isatty():
                end = "\n" if share >= 1 else ""
                click.echo(f"\r{100 * share:3.0f} %{end}", nl=False, err=True)
        case TableMeasured(units=units, seconds=seconds, accuracy=accuracy):
            click.echo(f"{units:,} units in {duration(seconds)}: {accuracy}\n", err=True)
