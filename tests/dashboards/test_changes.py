"""Changes of studies from the page: by the commands, with the key, and never while one runs."""

from typing import Any

from nas.dashboards.app import create_app
from nas.dashboards.changes import StudyEditor
from nas.store import open_store
from tests.dashboards.asked import asked
from tests.figures.drawn_study import make_spec
from tests.figures.stored import store_study

SPEC = make_spec()
KEY = "0123456789abcdef"


def change(client: Any, button: str, key: str | None, **typed: str) -> Any:
    """Return the answer after a click on a button of the dialog."""
    changing = {"study": SPEC.name, "key": key, "time": 1}
    values: dict[str, Any] = {"rename-study": None, "delete-study": None, "changing": changing}
    values |= {"new-name": None, "typed-name": None}
    values |= {button: 1, **{name.replace("_", "-"): text for name, text in typed.items()}}
    return asked(client, "change-text.children", f"{button}.n_clicks", values).get_json()


def said(answer: Any) -> str:
    return str(answer["response"]["change-text"]["children"])


def names(database: str) -> list[str]:
    with open_store(database, read_only=True) as store:
        return store.names()


def test_a_page_with_the_key_renames_and_deletes(store_url: str) -> None:
    store_study(store_url, SPEC, [])
    client = create_app(store_url, key=KEY).server.test_client()
    for wrong in (None, "", "0123456789abcdee", "é"):
        assert "--allow-changes" in said(change(client, "rename-study", wrong, new_name="other"))
    with open_store(store_url) as store, store.acquire(SPEC.name):
        assert "is run by process" in said(
            change(client, "delete-study", KEY, typed_name=SPEC.name)
        )
    assert "Type igcv3-300m" in said(change(client, "delete-study", KEY, typed_name="igcv3"))
    assert names(store_url) == [SPEC.name]
    renamed = change(client, "rename-study", KEY, new_name=" --yes ")  # a name, not an option
    assert "'--yes'" in said(renamed)
    renamed = change(client, "rename-study", KEY, new_name="other")
    assert said(renamed).startswith(f"{SPEC.name} is now other")
    assert renamed["response"]["changed"]["data"] == 1  # the list is drawn again
    assert names(store_url) == ["other"]
    changes = StudyEditor(store_url, KEY)
    assert changes.delete("other", "other", KEY).out.startswith("deleted other, 0 trials")
    assert names(store_url) == []


def test_without_a_key_no_page_changes_anything() -> None:
    for key in (None, "", KEY):
        assert "--allow-changes" in StudyEditor(None).delete("study", "study", key).problem
