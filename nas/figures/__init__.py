"""Figures and pages drawn from a StudyView; the door to plotly."""

from nas.figures.curves import hypervolume_figure, learning_curves_figure
from nas.figures.front import front_figure
from nas.figures.look import CONFIG, Look
from nas.figures.page import page_style
from nas.figures.report import write_report

__all__ = [
    "CONFIG",
    "Look",
    "front_figure",
    "hypervolume_figure",
    "learning_curves_figure",
    "page_style",
    "write_report",
]
