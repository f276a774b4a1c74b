"""`nas report` and `nas dashboard`: a study as a page."""

from pathlib import Path

import click

from nas.cli import options
from nas.dashboards.address import HOST, PORT


@click.command()
@click.argument("study")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file to write.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@options.database
def report(study: str, target: Path, force: bool, db: str | None) -> None:
    """Write a STUDY as one self-contained HTML page.

    \b
    Example:
      nas report igcv3-300m-madds-digits -o report.html
    """  # fmt: skip
    from nas.workflows import ReportRequest, write_report

    write_report(ReportRequest(study=study, path=target, force=force, db=db))
    click.echo(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")


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
@options.database
def dashboard(study: str | None, host: str, port: int, db: str | None) -> None:
    """Serve the live page of a database on this machine; it only reads.

    \b
    Example:
      nas dashboard --study igcv3-300m-madds-digits
    """  # fmt: skip
    from nas.dashboards.app import serve

    def ready(url: str) -> None:
        click.echo(f"{url}  (Ctrl-C stops it)")

    serve(db, study, host=host, port=port, on_ready=ready)
