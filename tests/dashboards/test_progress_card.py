"""The card of the progress follows the choices of the address; a running study has a time left."""

from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nas.dashboards.app import create_app
from nas.dashboards.page_state import PageState
from nas.dashboards.reader import left_text
from nas.figures import ProgressBy, ProgressOf
from nas.store import open_store
from nas.study import Outcome, TrialState
from tests.dashboards.asked import asked
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study

SPEC = make_spec()
TRIALS = make_trials(SPEC, candidates=9)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "nas.db"
    store_study(path, SPEC, [trial for trial in TRIALS if trial.state.finished])
    return path


def card(client: Any, state: PageState) -> Any:
    look = {"dark": False, "narrow": False}
    first = {
        "beat": 1,
        "state": asdict(state),
        "look": look,
        "window": None,
        "due": None,
        "near": None,
        "seen": None,
    }
    seen = asked(client, "status.children", "beat.data", first).get_json()["response"]["seen"]
    values = {"progress-seen": seen["data"], "state": asdict(state), "progress-of": None}
    answer = asked(client, "progress.figure", "state.data", values).get_json()["response"]
    values["progress-of"] = answer["progress-of"]["data"]  # a page that has it is sent nothing
    again = asked(client, "progress.figure", "state.data", values).get_json()["response"]
    assert again == {}
    return answer


@pytest.mark.parametrize(("of", "by"), list(product(ProgressOf, ProgressBy)))
def test_every_choice_has_its_figure_or_says_why_not(database: Path, of: Any, by: Any) -> None:
    client = create_app(str(database)).server.test_client()
    answer = card(client, PageState(study=SPEC.name, shows=of.value, against=by.value))
    figure = answer["progress"]["figure"]
    assert ("best" in answer["progress-text"]["children"]) is (of is ProgressOf.BEST)
    if by is ProgressBy.DEVICE_TIME:  # of the stored trials none has one
        assert "device time" in figure["layout"]["annotations"][0]["text"]
    else:
        assert len(figure["data"][0]["x"]) == len(figure["data"][0]["y"]) > 0


def test_the_device_time_of_the_store_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    complete = next(t for t in TRIALS if t.candidate and t.state is TrialState.COMPLETE)
    store_study(path, SPEC, [])
    with open_store(str(path)) as store:
        store.insert_trial(SPEC.name, replace(complete, state=TrialState.RUNNING, measurements=()))
        for measurement in complete.measurements:
            store.record_measurement(SPEC.name, complete.number, 1, measurement)
        outcome = Outcome(TrialState.COMPLETE, 1.0, device_seconds=42.0)
        store.finish_trial(SPEC.name, complete.number, 1, outcome)
    client = create_app(str(path)).server.test_client()
    state = PageState(study=SPEC.name, shows="best", against="device-time")
    (trace,) = card(client, state)["progress"]["figure"]["data"]
    assert list(trace["x"]) == [42.0]
    assert list(trace["y"]) == pytest.approx([100 * complete.value("top1_error")])


def test_a_running_study_tells_the_time_left_as_the_list_does(database: Path) -> None:
    def status() -> str:
        client = create_app(str(database)).server.test_client()
        look, state = {"dark": False, "narrow": False}, asdict(PageState(study=SPEC.name))
        values = {
            "beat": 1,
            "state": state,
            "look": look,
            "window": None,
            "due": None,
            "near": None,
            "seen": None,
        }
        answer = asked(client, "status.children", "beat.data", values).get_json()
        return str(answer["response"]["status"]["children"])

    assert " left" not in status()
    with open_store(str(database)) as store, store.acquire(SPEC.name):
        left = store.studies()[0].time_left
        assert left is not None
        assert f"{left_text(left)} left" in status()
