"""The files of a page: the common style sheet, and the report's script."""

from functools import cache
from importlib.resources import files


@cache
def page_style() -> str:
    """Return the style sheet of the report and the dashboard."""
    return _asset("page.css")


@cache
def report_script() -> str:
    """Return the script of the report."""
    return _asset("report.js")


def _asset(name: str) -> str:
    return files("nas.figures").joinpath("assets", name).read_text(encoding="utf-8")
