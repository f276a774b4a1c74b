"""The parts of a page that come as files: the shared style, and the report's script."""

from functools import cache
from importlib.resources import files


@cache
def page_style() -> str:
    """Return the style sheet that the report and the dashboard share."""
    return _asset("page.css")


@cache
def report_script() -> str:
    """Return the script of the report."""
    return _asset("report.js")


def _asset(name: str) -> str:
    return files("nas.figures").joinpath("assets", name).read_text(encoding="utf-8")
