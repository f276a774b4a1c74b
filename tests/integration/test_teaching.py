"""Taught networks as a user meets them: two figures that no output mixes, resumed, refused."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from nas.dashboards.reader import Reader
from nas.results import StudyResults, figures
from nas.store import open_store
from tests.cli.runner import Shell
from tests.members import TINY
from tests.messages import carries

pytestmark = pytest.mark.timeout(300)

SEARCH = [
    "search", "--space", "tiny.toml", "--budget", "1.5M-flops", "--task", "digits",
    "--limit", "100", "--trials", "4", "--rungs", "2", "--confirm", "2", "--seeds", "2",
    "--no-published", "--study", "s", "--format", "weights",
]  # fmt: skip
TEACH = ["train", "s", "--best", "--teacher", "study"]


@pytest.fixture(scope="module")
def searched(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a search whose confirmed networks were taught; its output is in search.json."""
    place = tmp_path_factory.mktemp("searched")
    (place / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("NAS_DB", raising=False)
        patch.delenv("NAS_RESULTS", raising=False)
        yield place


@pytest.fixture
def nas(
    searched: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    shell = Shell(monkeypatch, capsys)
    if not (searched / "search.json").exists():
        called = shell(*SEARCH, "--teach", "--json")
        assert called.code == 0, called.err
        (searched / "search.json").write_text(called.out)
    return shell


def results(study: str) -> StudyResults:
    with open_store("nas.db", read_only=True) as store:
        return StudyResults(store.spec(study), store.trials(study), store.reports(study))


def document(nas: Shell, *words: str) -> dict[str, Any]:
    called = nas(*words, "--json")
    assert called.code == 0, called.err
    found: dict[str, Any] = json.loads(called.out)
    return found


def test_a_search_teaches_its_confirmed_networks_and_keeps_its_own_figures(
    nas: Shell, searched: Path
) -> None:
    found, taught = results("s"), results("s-taught")
    confirmed = sorted(found.confirmed)
    assert sorted(int((each.origin or "").rpartition("#")[2]) for each in taught.spec.networks) == (
        confirmed
    )
    hashes = {trial.weights_sha256 for trial in found.trials}
    named = set(re.findall("[0-9a-f]{64}", taught.spec.recipe))
    assert len(named) == len(taught.spec.teachers) == 4  # every complete network, one seed each
    assert named < hashes
    means = {number: own.mean for number in taught.trainings if (own := taught.estimate(number))}
    assert taught.best is not None
    assert means[taught.best.number] == min(means.values())  # the order may have changed
    assert found.best is not None
    said = json.loads((searched / "search.json").read_text())
    record = said["best"]
    assert record["trial"] == found.best.number
    assert record["scratch_top1_error"] == record["top1_error"]
    both = figures(found, found.best.number, "test")
    assert both is not None
    assert both.scratch == found.test(found.best.number)
    assert record["taught_test_top1_error"] == pytest.approx(both.taught.mean)
    assert said["further"]["study"] == "s-taught"
    assert said["front"] == nas_front(nas)  # not a figure of it is taught
    assert all(row["observed_top1_error"] == row["top1_error"] or row["seeds"] == 2
               for row in said["front"])  # fmt: skip


def nas_front(nas: Shell) -> Any:
    return document(nas, "front", "s")["front"]


def test_every_output_shows_both_figures_by_the_same_words(nas: Shell, searched: Path) -> None:
    found, taught = results("s"), results("s-taught")
    for of, name in ((found, "s"), (taught, "s-taught")):
        for number in found.confirmed if of is found else taught.trainings:
            for split in ("validation", "test"):
                both = figures(of, number, split)
                assert both is not None
                assert both.scratch is not None
                words = str(both)
                assert re.search(
                    r"^from scratch .* \(2 seeds\); taught by 4 networks of .* \(2 seeds\)$", words
                )
                page = (searched / "nas-results" / name / "report.html").read_text()
                assert words in page
                assert words in " ".join(nas("show", name).out.split())
    with open_store("nas.db", read_only=True) as store:
        view = Reader(store).snapshot("s-taught").view
    assert view.metric.short == "taught error"
    assert view.best is not None
    assert "taught by 4 networks of s" in view.best.taught
    (head, *rows) = csv.reader(io.StringIO(nas("show", "s", "--csv").out))
    filled = [row for row in rows if row[head.index("taught_top1_error")]]
    assert {int(row[0]) for row in filled} == set(found.confirmed)
    card = json.loads((searched / "nas-results" / "s-taught" / "best" / "card.json").read_text())
    assert card["training"]["teachers"] == list(taught.spec.teachers)
    assert card["training"]["figures"]["test"]["from_scratch"]["seeds"] == 2
    own = json.loads((searched / "nas-results" / "s" / "best" / "card.json").read_text())
    assert own["training"]["teachers"] == []
    assert (
        own["training"]["figures"]["test"]["text"]
        in (searched / "nas-results" / "s" / "report.html").read_text()
    )


def test_a_training_that_is_taught_alike_is_reused(nas: Shell) -> None:
    (network,) = document(nas, *TEACH, "--seeds", "2", "--name", "alike")["networks"]
    assert {run["origin"].partition("/")[0] for run in network["runs"]} == {"s-taught"}
    assert network["scratch_test_seeds"] == network["taught_test_seeds"] == 2


@pytest.mark.slow
def test_a_longer_taught_training_has_no_figure_from_scratch(nas: Shell) -> None:
    longer = document(nas, *TEACH, "--epochs", "3", "--no-export", "--name", "longer")
    assert longer["networks"][0]["scratch_top1_error"] is None  # not trained alike
    assert nas("resume", "longer", "--quiet").code == 0


def _best(study: str) -> int:
    best = results(study).best
    assert best is not None
    return best.number


@pytest.mark.slow
def test_a_network_that_is_taught_otherwise_is_compared_with_a_rival(nas: Shell) -> None:
    rival = "depth=1,width=16,expansion=1,g1=1,g2=1,relu=depthwise,permute2=no"
    other = ["--set", "teacher_weight=0.5", "--set", "teacher_temperature=2", "--no-export"]
    words = ["--against", rival, "--space", "tiny.toml", "--name", "rivals"]
    called = nas(*TEACH, *other, *words)
    assert called.code == 0, called.err
    assert "taught error" in called.out
    found = results("rivals")
    assert len(found.spec.networks) == 2
    assert [trial.origin for trial in found.trials] == [None, None]
    networks = document(nas, *TEACH, *other, *words[:-1], "again")["networks"]
    own = results("s").estimate(_best("s"))
    assert own is not None
    assert networks[0]["scratch_top1_error"] == own.mean


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--arch", "igcv3-d-0.25-os", "--teacher", "study"], "names no study"),
        (["train", "--arch", "igcv3-d-0.25-os", "--teacher", "nowhere"], "nowhere"),
        ([*TEACH[:-1], "s#99"], "trial 99"),
        (["train", "--arch", "igcv3-d-0.25-os", "--task", "digits", "--seed", "3", "--teacher",
          "s"], "seed 0 … --seed 0"),
        (["train", "s", "--best", "--set", "teacher_weight=0.5"], "no effect"),
        ([*TEACH, "--set", "teacher_weight=3"], "teacher_weight"),
    ],
)  # fmt: skip
def test_teachers_that_cannot_teach(nas: Shell, words: list[str], said: str) -> None:
    with open_store("nas.db", read_only=True) as store:
        before = store.names()
    code = 4 if "nowhere" in words else 2
    assert carries(nas.refused(*words, code=code), said)
    with open_store("nas.db", read_only=True) as store:
        assert store.names() == before


def test_weights_that_are_gone_or_changed_are_refused_before_a_study_is_made(
    nas: Shell, searched: Path
) -> None:
    with open_store("nas.db", read_only=True) as store:
        study, number = results("s-taught").spec.teachers[0].split("#")
        trial = store.trials(study)[int(number)]
        file = store.weights_file(study, trial)
        before = store.names()
    assert isinstance(file, Path)
    content = file.read_bytes()
    try:
        tensors = load_file(file)
        save_file({key: value + 1 for key, value in tensors.items()}, file)
        said = nas.refused(*TEACH, "--no-reuse")
        assert carries(said, f"s#{number} … changed")
        file.unlink()
        said = nas.refused(*TEACH, "--no-reuse")
        assert carries(said, f"s#{number} … missing")
    finally:
        file.write_bytes(content)
    with open_store("nas.db", read_only=True) as store:
        assert store.names() == before


def test_an_interrupted_teaching_goes_on_with_the_search(
    nas: Shell, searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The taught study is created once, and the report of the search then has both figures."""
    from nas.workflows import search_run

    honest, calls = search_run.measure, []

    def measure(*given: Any, **more: Any) -> Any:
        calls.append(given[1].spec.name)
        outcome = honest(*given, **more)
        if calls == ["i", "i-taught"]:
            from dataclasses import replace

            return replace(outcome, interrupted=True)
        return outcome

    monkeypatch.setattr(search_run, "measure", measure)
    words = ["i" if word == "s" else word for word in SEARCH]
    called = nas(*words, "--teach", "--quiet")
    assert called.code == 130
    assert "nas resume i" in called.err
    assert not (searched / "nas-results" / "i" / "report.html").exists()
    called = nas("resume", "i", "--quiet")
    assert called.code == 0, called.err
    with open_store("nas.db", read_only=True) as store:
        assert "i-taught-2" not in store.names()
    assert figures(results("i"), _best("i")) is not None
    assert "taught by" in (searched / "nas-results" / "i" / "report.html").read_text()
