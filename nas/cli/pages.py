"""`nas report` and `nas dashboard`: a study as a page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nas.cli import options
from nas.dashboards.address import HOST, PORT, Place
from nas.figures import ProgressBy, ProgressOf
from nas.workflows import FIGURES, FigureRequest, ReportRequest


def _output(what: str) -> Callable[[options.F], options.F]:
    """Return the option of the file to write."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("-o", "--output", "target", required=True, type=kind, help=what)


@click.command()
@click.argument("study")
@_output("The HTML file to write.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@options.database
def report(study: str, target: Path, force: bool, db: str | None) -> None:
    """Write a STUDY as one self-contained HTML page.

    \b
    Example:
      nas report igcv3-300m-madds-digits -o report.html
    """  # fmt: skip
    from nas.workflows import write_report

    write_report(ReportRequest(study=study, path=target, force=force, db=db))
    click.echo(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")


@click.command()
@click.argument("study")
@click.argument(
    "figure",
    metavar="FIGURE",
    type=click.Choice(FIGURES),
)
@_output("The file to write, .svg, .pdf or .png.")
@click.option("--x", help="Metric of the horizontal axis of the front.  [default: the cost]")
@click.option("--y", help="Metric of the vertical axis of the front.  [default: the error]")
@click.option(
    "--with",
    "others",
    metavar="STUDY,…",
    multiple=True,
    callback=options.split,
    help="Studies to draw with this one, in front and edf; seeds of one search get a band.",
)
@click.option(
    "--choice", help="Draw this choice of each stage in parallel.  [default: all choices]"
)
@click.option(
    "--shows",
    type=click.Choice([each.value for each in ProgressOf]),
    help="Quantity that progress shows.  [default: hypervolume]",
)
@click.option(
    "--against",
    type=click.Choice([each.value for each in ProgressBy]),
    help="Horizontal axis of progress.  [default: trainings]",
)
@click.option(
    "--width",
    type=click.IntRange(200, 10_000),
    default=FigureRequest.width,
    show_default=True,
    help="Width in pixels; a PNG has twice as many.",
)
@click.option(
    "--height", type=click.IntRange(100, 10_000), help="Height in pixels.  [default: the figure's]"
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@options.database
def plot(target: Path, db: str | None, **given: Any) -> None:
    """Write one FIGURE of a STUDY as a file for a paper; an installed Chromium or Chrome draws it.

    \b
    Example:
      nas plot igcv3-300m-madds-digits front -o front.pdf
      nas plot seed-0 front --with seed-1,seed-2 -o seeds.pdf
    """  # fmt: skip
    from nas.workflows import write_figure

    write_figure(FigureRequest(path=target, db=db, **given))
    click.echo(f"wrote {target}")


@click.command()
@click.option("--study", help="The study to open with.  [default: the newest]")
@click.option(
    "--host",
    default=HOST,
    show_default=True,
    help="Address to listen on, on this machine only.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port to listen on; 0 selects a free port.",
)
@click.option(
    "--container",
    is_flag=True,
    help="Listen on all addresses, in a container whose port is published on 127.0.0.1 only.",
)
@click.option(
    "--allow-changes",
    is_flag=True,
    help="Let pages that are opened with the printed address rename and delete studies.",
)
@options.database
def dashboard(
    study: str | None, host: str, port: int, container: bool, allow_changes: bool, db: str | None
) -> None:
    """Serve the live page of a database on this machine; it only reads by default.

    \b
    Example:
      nas dashboard --study igcv3-300m-madds-digits
    """  # fmt: skip
    from nas.dashboards.app import serve

    def ready(url: str) -> None:
        click.echo(f"{url}  (Ctrl-C stops it)")

    serve(db, study, Place(host, port, container), ready, allow_changes)
