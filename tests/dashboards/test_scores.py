"""The audit of scores on the page and in the report: what the terminal prints of the same study."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from plotly.utils import PlotlyJSONEncoder

from nas.dashboards.cards import scores
from nas.dashboards.reader import Reader
from nas.store import open_store
from nas.study.trial import Trial, TrialState
from tests.cli.runner import call_here
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study

SPEC = make_spec()


def scored(trial: Trial) -> Trial:
    error = trial.last.metrics["top1_error"] if trial.last else 0.0
    return replace(trial, proxies={"seer": -error, "naswot": float(trial.number % 5)})


def stored(folder: Path, with_scores: bool) -> str:
    """Store a study with or without scores, of networks in the band."""
    limit, database = SPEC.budget[0].limit, folder / "nas.db"
    trials = [
        replace(t, counted=None, cost=replace(t.cost, madds=round(0.9 * limit) + t.number))
        for t in make_trials(SPEC)
        if t.state is TrialState.COMPLETE
    ]
    store_study(database, SPEC, [scored(t) for t in trials] if with_scores else trials)
    with open_store(str(database), read_only=True) as store:
        parts = scores(Reader(store).snapshot(SPEC.name))
    return json.dumps(parts, cls=PlotlyJSONEncoder)


@pytest.mark.parametrize("with_scores", [True, False])
def test_page_and_report_say_what_the_terminal_prints(tmp_path: Path, with_scores: bool) -> None:
    page = stored(tmp_path, with_scores)
    terminal = call_here(tmp_path, "proxies", SPEC.name).out
    call_here(tmp_path, "report", SPEC.name, "-o", "report.html")
    report = (tmp_path / "report.html").read_text()
    again = f"nas proxies {SPEC.name} --compute"
    for shown in (page, report):
        assert (again in shown) is (again in terminal) is not with_scores
        assert ("have no scores" in shown) is ("have no scores" in terminal) is not with_scores
        assert "positive if a higher score" in shown
    rows = [line for line in terminal.splitlines() if line.startswith(("seer", "naswot"))]
    assert len(rows) == 2 * with_scores
    for row in rows:
        for cell in filter(None, map(str.strip, row.split("  "))):
            assert f'"{cell}"' in page
            assert f">{cell}</td>" in report
