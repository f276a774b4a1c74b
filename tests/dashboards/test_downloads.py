"""Files of a network: built once, by a process of its own; a failure says why."""

import time
from pathlib import Path

import pytest
from flask import Flask

from nas.dashboards.downloads import Built, Downloads, Kind, Wanted
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study

SPEC = make_spec()


def finished(downloads: Downloads, wanted: Wanted) -> Built:
    state = downloads.ask(wanted)
    assert state.running
    for _ in range(1200):
        state = downloads.state(wanted) or state
        if not state.running:
            return state
        time.sleep(0.1)
    raise AssertionError("it never ended")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store_study(tmp_path / "nas.db", SPEC, make_trials(SPEC, candidates=4))
    return tmp_path / "nas.db"


def test_source_needs_no_weights_is_built_once_and_served(database: Path) -> None:
    trial = make_trials(SPEC, candidates=4)[4]
    downloads, server = Downloads(str(database)), Flask(__name__)
    downloads.serve(server)
    wanted = Wanted.of(SPEC.name, trial, Kind.SOURCE)
    built = finished(downloads, wanted)
    assert (built.problem, set(built.files)) == ("", {"network.py", "card.json"})
    assert downloads.ask(wanted) is built
    client = server.test_client()
    place = f"/download/{wanted.key}/{SPEC.name}/{trial.number}"
    answer = client.get(f"{place}/network.py")
    assert b"class" in answer.data
    named = answer.headers["Content-Disposition"]
    assert f"{SPEC.name}-trial-{trial.number}-network.py" in named
    for wrong in ("nas.db", "..%2Fnas.db", "weights.safetensors"):
        assert client.get(f"{place}/{wrong}").status_code == 404
    downloads.close()
    assert client.get(f"{place}/network.py").status_code == 404


def test_an_export_that_fails_says_why_and_can_be_repeated(database: Path) -> None:
    downloads = Downloads(str(database))
    wanted = Wanted(SPEC.name, 4, Kind.ONNX, "", "ab" * 32)
    problem = finished(downloads, wanted).problem
    assert "no weights" in problem
    assert "Traceback" not in problem
    assert downloads.ask(wanted).running
    downloads.close()
