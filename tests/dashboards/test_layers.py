"""The network by layer on the page and in the report: what `nas count` prints of the same trial."""

from pathlib import Path

import pytest

from nas.dashboards.cards import layers
from nas.dashboards.reader import Reader
from nas.errors import StoreError
from nas.figures import layer_rows, write_report
from nas.results import StudyResults, best_layers
from nas.store import open_store
from tests.cli.runner import call_here
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC, candidates=6)


def test_page_and_report_have_the_layers_that_the_terminal_prints(tmp_path: Path) -> None:
    store_study(tmp_path / "nas.db", SPEC, TRIALS)
    best = StudyResults(SPEC, TRIALS, {}).best
    assert best
    with open_store(str(tmp_path / "nas.db"), read_only=True) as store:
        reader = Reader(store)
        text, table = layers(reader, SPEC.name, best.number)
        assert layers(reader, SPEC.name, 999)[1]["rows"] == ()
        with pytest.raises(StoreError):
            layers(reader, "none", 0)
    assert text.startswith(f"trial {best.number} at 3x224x224: strides")
    printed = call_here(tmp_path, "count", SPEC.name, "--trial", str(best.number)).out
    lines = [" ".join(line.split()) for line in printed.split("\n\n")[0].splitlines()]
    shown = [" ".join(" ".join(row).split()) for row in (table["head"], *table["rows"])]
    assert shown == lines
    call_here(tmp_path, "report", SPEC.name, "-o", "report.html")
    report = (tmp_path / "report.html").read_text()
    opened = report[report.index("The best, layer by layer") :]
    for row in table["rows"]:
        assert "".join(f"<td>{cell}</td>" for cell in row) in opened
    assert len(report) < 3_000_000


def test_shares_of_the_layers_add_up_to_the_whole() -> None:
    rows = layer_rows(SPEC.deployed_layers(TRIALS[0].architecture))
    assert sum(float(row[5] or 0) for row in rows) == pytest.approx(100, abs=0.05 * len(rows))
    assert sum(int(row[4].replace(",", "")) for row in rows) == TRIALS[0].cost.madds


def test_a_study_without_a_best_has_a_report_without_layers(tmp_path: Path) -> None:
    assert best_layers(StudyResults(SPEC, [], {})) == []
    write_report(study_view(SPEC, []), tmp_path / "report.html")
    assert "layer by layer" not in (tmp_path / "report.html").read_text()
