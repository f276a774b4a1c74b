"""The page of a proof: every score is drawn, and the page makes no network request."""

import re
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ExportError
from nas.figures.prove import prove_html, regret_figure, volume_figure, write_prove
from nas.prove.summary import Spread, SummaryRow


def row(sampler: str, trainings: int, regret: float, confirmed: bool = True) -> SummaryRow:
    spread = Spread(regret, regret - 0.01, regret + 0.02)
    volume = Spread(1 - regret, 0.9 - regret, 1.0)
    return SummaryRow(
        sampler, trainings, 30, spread, volume, volume, spread if confirmed else None, 6, 9,
        after=trainings, epochs=0,
    )  # fmt: skip


ROWS = [row("ours", 20, 0.2), row("ours", 50, 0.1), row("tpe:single", 20, 0.3),
        row("tpe:single", 50, 0.25, confirmed=False)]  # fmt: skip


def lines(figure: Any) -> Any:
    return {trace.name: list(trace.y) for trace in figure.data if trace.showlegend is not False}


def test_lines_are_the_medians_and_bands_the_quartiles() -> None:
    figure = regret_figure(ROWS)
    assert lines(figure) == {"ours": [0.2, 0.1], "tpe:single": [0.3, 0.25]}
    band = next(trace for trace in figure.data if trace.showlegend is False)
    assert list(band.x) == [20, 50, 50, 20]
    assert list(band.y) == pytest.approx([0.19, 0.09, 0.12, 0.22])
    assert lines(volume_figure(ROWS))["ours"] == pytest.approx([0.8, 0.9])


def test_page_holds_everything_it_shows() -> None:
    page = prove_html(ROWS, {"table": "toy <b>"}, "ours is best")
    head = page.split("<script", 1)[0]
    assert "toy &lt;b&gt;" in head
    assert "ours is best" in head
    assert "0.100 [0.090, 0.120]" in head
    assert "default-src 'none'" in head
    assert not re.findall(r"(?:src|href)=[\"']https?:", head)  # what follows is plotly itself


def test_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_prove(ROWS, {}, "", tmp_path / "gone" / "page.html")
    write_prove(ROWS, {}, "", tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
