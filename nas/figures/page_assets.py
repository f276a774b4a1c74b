"""The files of a page: the style sheet and the script of all pages, and the report's script."""

import base64
import gzip
from functools import cache
from importlib.resources import files

from plotly.offline import get_plotlyjs


@cache
def page_style() -> str:
    """Return the style sheet of the report and the dashboard."""
    return _asset("page.css")


@cache
def page_script() -> str:
    """Return the script that draws the figures of a page."""
    return _asset("page.js")


@cache
def packed_plotly() -> str:
    """Return plotly.js for a page: gzip in base64, 2 MB in place of 4.8 MB; page.js unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


@cache
def report_script() -> str:
    """Return the script of the report's table."""
    return _asset("report.js")


def _asset(name: str) -> str:
    return files("nas.figures").joinpath("assets", name).read_text(encoding="utf-8")
