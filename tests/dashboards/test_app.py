"""The dashboard's server: access, headers, health, errors."""

import socket
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nas.dashboards.address import Place
from nas.dashboards.app import create_app, serve
from nas.dashboards.page_state import PageState
from nas.dashboards.parts import export_command
from nas.errors import NasError, StoreError
from nas.study import FixedNetwork, TrialState
from tests.dashboards.asked import asked
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "nas.db"
    spec = make_spec()
    store_study(path, spec, make_trials(spec, candidates=6))
    return path


@pytest.fixture(scope="module")
def client(database: Path) -> Any:
    return create_app(str(database)).server.test_client()


def test_every_answer_carries_the_headers(client: Any) -> None:
    for path in ("/", "/readyz", "/_dash-layout"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example"])
def test_a_foreign_name_is_refused(client: Any, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:8050", "localhost", "[::1]:8050"])
def test_local_names_are_answered(client: Any, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("http://evil.example", True),
        ("http://localhost:8051", True),
        ("null", True),
        ("http://localhost:8050", False),
        (None, False),
    ],
)
def test_a_page_of_another_site_can_send_nothing(
    client: Any, origin: str | None, refused: bool
) -> None:
    headers = {"Host": "localhost:8050"} | ({"Origin": origin} if origin else {})
    answer = client.post("/_dash-update-component", headers=headers, data="no JSON")
    assert (answer.status_code == 403) is refused


def test_readyz_tells_whether_the_database_answers(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    spec = make_spec()
    store_study(path, spec, [])
    client = create_app(str(path)).server.test_client()
    assert client.get("/readyz").data == b"ready"
    assert client.get("/healthz").status_code == 200
    for file in tmp_path.glob("nas.db*"):
        file.unlink()
    assert client.get("/readyz").status_code == 503


def test_a_missing_database_or_study_is_an_error_before_anything_is_served(
    tmp_path: Path, database: Path
) -> None:
    with pytest.raises(StoreError):
        create_app(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="igcv3-400m"):
        create_app(str(database), "igcv3-400m")


def test_a_taken_port_is_an_error_with_a_remedy(database: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NasError, match=str(port)) as caught:
            serve(str(database), place=Place(port=port))
    assert "--port" in caught.value.remedy
    with pytest.raises(NasError, match="70000"):
        serve(str(database), place=Place(port=70000))


def test_it_listens_on_this_machine_only(database: Path) -> None:
    with pytest.raises(NasError, match=r"0\.0\.0\.0") as caught:
        serve(str(database), place=Place(host="0.0.0.0"))
    assert "ssh -L" in caught.value.remedy


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/study/igcv3-300m", 200),
        ("/study/igcv3-300m/trial/0", 200),
        ("/study/igcv3-300m/trial/999", 404),
        ("/study/igcv3-300m/trial/x", 404),
        ("/study/none", 404),
        ("/study/none/trial/1", 404),
        ("/elsewhere", 404),
        ("/assets/none.js", 404),
    ],
)
def test_an_address_that_names_nothing_has_status_404(client: Any, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_the_export_command_can_be_pasted() -> None:
    assert export_command("s", 3, "nas.db") == "nas export s --trial 3 -o s-trial-3"
    assert export_command("s", 3, "my dir/x.db").endswith("--db 'my dir/x.db'")


def polled(path: Path, study: str, seen: Any = None, client: Any = None) -> Any:
    """Return the answer to the poll of an open page, which has `seen` an earlier one."""
    client = client or create_app(str(path)).server.test_client()
    look, state = {"dark": False, "narrow": False}, asdict(PageState(study=study))
    values = {
        "beat": 1,
        "state": state,
        "look": look,
        "window": None,
        "due": None,
        "near": None,
        "seen": seen,
    }
    return asked(client, "status.children", "beat.data", values)


def test_a_study_whose_metric_is_not_installed_is_named_in_the_status(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    spec = make_spec(task="lamps", metrics=("lamp_error",))
    store_study(path, spec, make_trials(make_spec(), candidates=3))
    assert "lamp_error" in polled(path, spec.name).get_data(as_text=True)


@pytest.mark.parametrize("trained", [False, True])
def test_a_training_has_learning_curves_but_no_front(tmp_path: Path, trained: bool) -> None:
    path, made = tmp_path / "nas.db", make_spec()
    fixed = [
        FixedNetwork(one.name, "igcv3", one.architecture.text) for one in made.space.published[:1]
    ]
    spec = replace(made, networks=tuple(fixed) if trained else (), published=not trained)
    store_study(path, spec, make_trials(made, candidates=3)[:1])
    parts = polled(path, spec.name).get_json()["response"]
    assert parts["front-card"]["hidden"] is parts["progress-card"]["hidden"] is trained
    assert ("front" in parts, "curves" in parts) == (not trained, True)
    if not trained:
        assert parts["front-heading"]["children"] == "Top-1 error against cost"


def test_a_poll_without_news_has_the_time_alone(database: Path, client: Any) -> None:
    first = polled(database, "igcv3-300m", client=client).get_json()["response"]
    again = polled(database, "igcv3-300m", first["seen"]["data"], client)
    assert list(again.get_json()["response"]) == ["status"]


@pytest.mark.parametrize("failed", [False, True])
def test_no_figure_of_a_study_without_results_is_blank(tmp_path: Path, failed: bool) -> None:
    path, spec = tmp_path / "nas.db", make_spec(published=False)
    trials = [trial for trial in make_trials(spec) if trial.state is TrialState.FAILED]
    assert trials
    store_study(path, spec, trials if failed else [])
    parts = polled(path, spec.name).get_json()["response"]
    for name in ("front", "curves"):
        figure = parts[name]["figure"]
        words = [each["text"] for each in figure["layout"].get("annotations", [])]
        assert any(words) or figure["data"], name
    assert ("1 failed" in parts["summary"]["children"]) is failed


def test_a_page_neither_waits_for_a_writer_nor_keeps_one_waiting(tmp_path: Path) -> None:
    path, spec = tmp_path / "nas.db", make_spec()
    store_study(path, spec, make_trials(spec, candidates=6))
    client = create_app(str(path)).server.test_client()
    writer = sqlite3.connect(path, timeout=0, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    parts = polled(path, spec.name, client=client).get_json()["response"]
    assert parts["front"]["figure"]["data"]
    writer.execute("COMMIT")
    writer.execute("BEGIN EXCLUSIVE")  # raises at once if the page held a lock
    writer.execute("ROLLBACK")
    writer.close()
