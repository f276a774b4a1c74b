"""`--profile` and notes, as `nas train`, `nas show` and `nas report` show them."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.cost.model import CostModel
from nas.store import open_store
from nas.study.time_profile import PROFILE_PARTS, complete_profile
from nas.study.trial import NOTE_REPORT, Outcome, Trial, TrialState
from tests.classified import classified
from tests.cli.runner import Shell
from tests.cli.test_train import SPACE
from tests.messages import carries
from tests.studies import small_spec

LAPS = {"data": 1.0, "forward": 2.0, "backward": 4.0, "optimiser": 0.5, "evaluation": 1.5}
HALVED = "out of memory: batches of 64 in 2 parts of 32"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


def searched(reports: dict[int, dict[str, dict[str, Any]]]) -> None:
    """Enter a study of two complete trials, with what is reported of each."""
    spec = small_spec(name="searched", recipe="# digits\nepochs = 4")
    first = spec.space.published[0].architecture
    cost = CostModel(spec.space, spec.deployment, spec.classes).cost(first)
    with open_store("nas.db") as store:
        store.create_study(spec, {"nas": "0"})
        for number in range(2):
            trial = Trial(number, first, cost, TrialState.RUNNING, seed=number, attempt=1)
            store.insert_trial("searched", trial)
            store.record_measurement("searched", number, 1, classified(4, 2, 0.2, 0.5, 0.5, 1.0))
            store.finish_trial("searched", number, 1, Outcome(TrialState.COMPLETE, 10.0))
            for kind, values in reports.get(number, {}).items():
                store.record_report("searched", number, kind, values)


def test_a_study_shows_where_the_time_of_its_trials_went(nas: Shell) -> None:
    profiles = [complete_profile({**LAPS, "images": 1000.0}, seconds) for seconds in (10.0, 30.0)]
    searched({number: {"profile": found} for number, found in enumerate(profiles)})
    shown = nas("show", "searched", "--profile")
    assert shown.code == 0, shown.err
    rows = {line.split()[0]: line for line in shown.out.splitlines() if line}
    assert carries(shown.out, "2 trials")
    assert "55.0 %" in rows["overhead"]  # 1 s and 21 s of 40 s
    assert "22.0 s" in rows["overhead"]
    assert "11.0 ms" in rows["overhead"]
    assert "20.0 %" in rows["backward"]
    assert rows["total"].split()[1:4] == ["100.0", "%", "40.0"]
    assert rows["1"].split()[-1] == "1,000"
    document = json.loads(nas("show", "searched", "--profile", "--json").out)
    assert [row["part"] for row in document["profile"]] == [*PROFILE_PARTS, "total"]
    assert document["profile"][-1]["seconds"] == 40.0
    assert [row["trial"] for row in document["trials"]] == [0, 1]
    whole = json.loads(nas("show", "searched", "--json").out)
    assert whole["reports"]["1"]["profile"] == profiles[1]


def test_a_study_without_profile_says_how_to_have_one(nas: Shell) -> None:
    searched({})
    assert "nas resume searched --profile" in nas.refused("show", "searched", "--profile")
    nas.refused("show", "no-such-study", "--profile", code=4)


def test_a_note_is_shown_with_the_study_and_in_its_report(nas: Shell, place: Path) -> None:
    searched({1: {NOTE_REPORT: {"text": HALVED}}})
    assert f"trial 1: {HALVED}" in nas("show", "searched").out
    called = nas("report", "searched", "-o", "page.html")
    assert called.code == 0, called.err
    assert f"trial 1: {HALVED}." in Path("page.html").read_text()
