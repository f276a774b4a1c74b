"""A search with a short schedule, confirmed by the real recipe; as a user types it."""

import json
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.results import CONFIRMED, StudyResults
from nas.store import open_store
from nas.training import load_recipe
from nas.workflows import RunRequest, SearchRequest, plan_study, preflight
from tests.cli.runner import Shell
from tests.members import TINY
from tests.messages import carries, carrying
from tests.training.data.pictures import write_folder

pytestmark = pytest.mark.timeout(300)

SEARCH = [
    "search", "--space", "tiny.toml", "--budget", "1.5M-flops", "--task", "digits",
    "--limit", "100", "--trials", "3", "--rungs", "1", "--confirm", "2", "--seeds", "2",
    "--study", "s", "--format", "weights", "--confirm-recipe", "real.toml",
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("NAS_DB", "NAS_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tiny.toml").write_text(TINY)
    text = load_recipe("digits").text.replace("epochs = 8", "epochs = 3", 1)
    (tmp_path / "real.toml").write_text(text)
    return tmp_path


def test_the_best_and_the_references_are_confirmed_by_the_real_recipe(
    cluster: None, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nas = Shell(monkeypatch, capsys)
    called = nas(*SEARCH, "--json")
    assert called.code == 0, called.err
    said = json.loads(called.out)
    with open_store("nas.db", read_only=True) as store:
        found, real = (
            StudyResults(store.spec(name), store.trials(name), store.reports(name))
            for name in ("s", "s-confirmed")
        )
    assert (found.spec.ladder.max_epochs, real.spec.ladder.max_epochs) == (1, 3)
    assert all(trial.replicate_of is None for trial in found.trials)  # no seeds by the short one
    assert len(real.spec.networks) == 2 + len(found.references)
    assert all(len(own) == 2 for own in real.trainings.values())
    confirmed = {row["trial"]: row for row in said["agreement"]["confirmed"]}
    assert len(confirmed) == len(real.spec.networks)
    for number, row in confirmed.items():
        assert found.reports[number][CONFIRMED]["epochs"] == row["epochs"] == 3
        assert len(row["validation"]) == 2
    assert said["agreement"]["rho"] is None
    assert said["further"]["study"] == "s-confirmed"
    shown = " ".join(nas("show", "s").out.split())
    page = (place / "nas-results" / "s" / "report.html").read_text()
    for text in (shown, page):
        assert "8 needed" in text
        assert "real.toml, 3 epochs at 1x8x8" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--confirm-size", "64"], "--confirm-size has no effect"),
        (["--confirm-recipe", "digits", "--confirm", "0"], "--confirm-recipe has no effect"),
        (["--confirm-recipe", "digits", "--teach"], "--teach has no effect"),
        (["--confirm-recipe", "magic"], "magic"),
        (["--confirm-recipe", "digits", "--confirm-size", "64"], "8x8"),
    ],
)
def test_what_cannot_confirm_is_refused_and_leaves_nothing(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    nas = Shell(monkeypatch, capsys)
    search = ["search", "--space", "tiny.toml", "--budget", "1.5M-flops", "--task", "digits"]
    assert carries(nas.refused(*search, *words), said)
    assert not (place / "nas-results").exists()


def test_images_that_give_other_strides_confirm_other_networks(place: Path) -> None:
    images = write_folder(place / "images", ("owl", "cat"), side=20)
    run = RunRequest(results_dir=place / "results")

    def planned(short: int, whole: int) -> None:
        request = SearchRequest(
            space="igcv3", budgets=("300M-flops",), data=images, image_size=short,
            confirm_recipe="folder", confirm_size=whole, epochs=1, published=False,
        )  # fmt: skip
        preflight(plan_study(request), run)

    planned(96, 128)
    with pytest.raises(NasError, match=carrying("3x96x96 … 3x32x32")):
        planned(32, 96)
