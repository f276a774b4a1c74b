"""`nas train` as a user types it: trained, compared, reused, interrupted, killed, resumed."""

import hashlib
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.cost import total_cost
from nas.store import open_store
from nas.study import Outcome, Trial, TrialState
from nas.training import load_recipe
from tests.classified import classified
from tests.cli.runner import Driver, Shell, call_here
from tests.cli.test_networks import WORDS
from tests.cli.test_networks import trials as trials
from tests.cli.test_train import ARCH, OTHER, SPACE, words
from tests.compared import spec_of
from tests.messages import carries
from tests.training.data.pictures import write_folder

pytestmark = pytest.mark.timeout(300)
Curve = list[tuple[float, ...]]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_DB", raising=False)
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


@pytest.fixture
def nas(
    cluster: None,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    return Shell(monkeypatch, capsys)


def trained(nas: Shell, *more: str, arch: str = ARCH) -> dict[str, Any]:
    """Train, and return what `--json` prints."""
    called = nas(*words("--json", *more, arch=arch))
    assert called.code == 0, called.err
    document: dict[str, Any] = json.loads(called.out)
    return document


def recorded(study: str, db: str = "nas.db") -> list[Trial]:
    with open_store(db, read_only=True) as store:
        return store.trials(study)


def curve(trial: Trial) -> Curve:
    return [(m.epoch, *m.metrics.values(), m.train_loss) for m in trial.measurements]


QUICK = ("--epochs", "1", "--limit", "50", "--no-export", "--set", "bn_batches=2", "--json")


@pytest.fixture(scope="module")
def first(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a study `t` of two networks with two seeds each, and what it printed."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "tiny.toml").write_text(SPACE)
    more = ("--json", "--seeds", "2", "--against", OTHER, "--profile", "--export", "--name", "t")
    called = call_here(folder, *words(*more))
    assert called.code == 0, called.err
    return folder, json.loads(called.out)


def test_seeds_and_a_rival_are_trained_compared_shown_and_exported(
    nas: Shell, first: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, found = first
    monkeypatch.chdir(place)
    assert [network["architecture"] for network in found["networks"]] == [ARCH, OTHER]
    for network in found["networks"]:
        assert [run["seed"] for run in network["runs"]] == [0, 1]
        assert network["test_error"]["n"] == 2
        for run in network["runs"]:
            assert sum(map(sum, run["test"]["confusion"])) == run["test"]["images"] == 359
            content = Path(run["weights"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == run["weights_sha256"]
            assert run["profile"]["images"] > 0
    (verdict,) = found["verdicts"]
    assert "359 images" in verdict
    assert not list((place / "nas-results" / "t").glob("trial-*/"))  # no checkpoint is left
    best = min(found["networks"][0]["runs"], key=lambda run: run["validation"]["top1_error"])
    card = json.loads((place / "nas-results" / "t" / "best" / "card.json").read_text())
    assert card["training"]["trial_seed"] == best["seed"]
    scores = card["training"]["exported_weights"]
    assert scores["test"]["top1_error"] == best["test"]["top1_error"]
    assert card["training"]["scores"]["test"]["seeds"] == 2
    again = tmp_path / "again"
    assert nas("export", "t", "--best", "-o", str(again), "--format", "weights").code == 0
    exported = json.loads((again / "card.json").read_text())
    assert exported["training"]["trial_seed"] == best["seed"]
    page = (place / "nas-results" / "t" / "report.html").read_text()
    for heading in ("Learning curves", "Confusion on the test split", "Most frequent mistakes"):
        assert heading in page
    assert "Top-1 error against cost" not in page
    assert "observed in the search" not in page
    shown = nas("show", "t")
    assert ARCH in shown.out
    assert "seed 2 of trial 0" in shown.out
    row = next(row for row in json.loads(nas("list", "--json").out) if row["study"] == "t")
    assert (row["kind"], row["state"]) == ("training", "complete")
    assert "time of the parts of 4 trials" in nas("show", "t", "--profile").out


def test_an_equal_training_is_reused_and_only_further_seeds_are_trained(
    nas: Shell, first: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = first
    monkeypatch.chdir(folder)
    (network,) = trained(nas, "--seeds", "3", "--name", "more")["networks"]
    before = found["networks"][0]["runs"]
    own, others = (
        [f"t/{trial.number}" for trial in recorded("t") if trial.architecture.text == arch]
        for arch in (ARCH, OTHER)
    )
    assert [run["origin"] for run in network["runs"]] == [*own, None]
    assert [run["test"] for run in network["runs"][:2]] == [run["test"] for run in before]
    against = trained(nas, "--against", "more", "--name", "rival", arch=OTHER)
    other, rival = against["networks"]
    assert rival["name"] == f"tiny-{recorded('more')[0].arch_id}"
    assert [run["origin"] for run in other["runs"]] == others[:1]
    assert [run["origin"] for run in rival["runs"]] == own[:1]
    assert "one seed only" in against["verdicts"][0]


@pytest.mark.slow
def test_a_variant_has_its_own_stem_and_the_stated_strides(nas: Shell) -> None:
    strides = ["--task-strides", "1,1,1,2,2,1,1,1"]
    known = ["--arch", "igcv3-d-0.25-os", "--against", "igcv3-d-0.5-os", *strides]
    called = nas("train", *known, *QUICK[:-1], "--name", "stems")
    assert called.code == 0, called.err
    assert "1x8x8: strides 1,1,1,2,2,1,1,1" in called.out
    costs = [34_044_144, 96_913_888]  # with stems of 8 and 16 channels
    assert [trial.counted and trial.counted.madds for trial in recorded("stems")] == costs
    called = nas("train", "stems", "--best", *QUICK, "--name", "again")
    assert called.code == 0, called.err
    (network,) = json.loads(called.out)["networks"]
    best = int(network["origin"].removeprefix("stems#"))
    assert network["name"] == ("igcv3-d-0.25-os", "igcv3-d-0.5-os")[best]
    assert [run["origin"] for run in network["runs"]] == [f"stems/{best}"]
    assert network["cost"]["deployment"]["madds"] == costs[best]
    assert network["cost"]["task"]["strides"] == "1,1,1,2,2,1,1,1"
    assert network["cost"]["deployment"]["strides"] == "2,1,2,2,2,1,2,1"


@pytest.mark.slow
def test_trials_of_a_study_are_trained_and_compared_alike(nas: Shell, trials: list[Trial]) -> None:
    called = nas("train", "two", "--best", "--against", "two#0", *QUICK)
    assert called.code == 0, called.err
    networks = json.loads(called.out)["networks"]
    assert [row["arch_id"] for row in networks] == [trials[1].arch_id, trials[0].arch_id]
    assert [row["origin"] for row in networks] == ["two#1", "two#0"]


@pytest.mark.slow
def test_strides_of_a_study_are_not_those_of_another_space(nas: Shell, place: Path) -> None:
    spec = replace(
        spec_of("random", 2), name="stated", more_spaces=(), task="digits", strides=(2, 2, 2),
        recipe=load_recipe("digits").text,
    )  # fmt: skip
    architecture = spec.space.parse(WORDS["lean"])
    cost = total_cost(spec.deployed_layers(architecture))
    with open_store(str(place / "nas.db")) as store:
        store.create_study(spec, {})
        store.insert_trial("stated", Trial(0, architecture, cost, TrialState.RUNNING, 7, attempt=1))
        epoch = classified(spec.rungs[-1], 0, 0.3, 1.0, 1.0, 1.0)
        store.record_measurement("stated", 0, 1, epoch)
        store.finish_trial("stated", 0, 1, Outcome(TrialState.COMPLETE, 1.0))
    named = ["train", "stated", "--best", "--space", "shufflenetv1", "--against",
             "shufflenetv1-g3-0.5", *QUICK]  # fmt: skip
    called = nas(*named)
    assert called.code == 0, called.err
    rows = json.loads(called.out)["networks"]
    assert [row["cost"]["deployment"]["input"] for row in rows] == ["3x64x64"] * 2
    assert [row["cost"]["deployment"]["strides"] for row in rows] == ["2,2,2", "1,1,2,2,2"]
    error = nas.refused(*named, "--task-strides", "2,1,1", "--name", "p")
    assert carries(error, "--task-strides 2,1,1 … 3 … shufflenetv1 … 5")
    assert not (place / "nas-results" / "p").exists()


@pytest.mark.slow
def test_a_folder_of_ones_own_that_changes(nas: Shell, place: Path) -> None:
    write_folder(place / "images", ("owl", "cat"), side=20)
    data = ["--data", "images", "--set", "batch_size=8"]
    (place / "images" / "owl" / "3.png").write_bytes(b"nothing")
    assert "owl/3.png is not a readable image" in nas.refused(*words(*data, "--name", "b"))
    called = nas(*words(*data, "--skip-corrupt", "--name", "own"))
    assert called.code == 0, called.err
    assert "folder 3x20x20, 23 images in 2 classes" in called.out
    assert "left out: 1 (1 unreadable: " in called.out
    (place / "images" / "owl" / "4.png").unlink()
    assert "the data of the study own changed" in nas.refused("resume", "own")


def test_a_training_that_diverges_says_what_to_change(nas: Shell) -> None:
    wild = ["lr=100", "warmup_epochs=0", "momentum=0.999", "weight_decay=1"]
    settings = [word for each in wild for word in ("--set", each)]
    called = nas(*words("--epochs", "30", "--limit", "600", *settings, "--quiet", "--name", "wild"))
    assert called.code == 3
    assert "the training wild failed (nan): epoch " in called.err
    assert "--set lr=" in called.err
    (row,) = json.loads(nas("list", "--json").out)
    assert row["state"] == "failed"


LONG = ["--epochs", "60", "--limit", "400", "--set", "bn_batches=2", "--no-export"]


def long(*more: str) -> list[str]:
    return ["train", "--space", "tiny.toml", "--arch", ARCH, *LONG, *more]


@pytest.mark.slow
def test_a_killed_worker_a_killed_driver_and_an_interruption_change_no_figure(
    nas: Shell, place: Path
) -> None:
    whole = nas(*long("--name", "whole", "--db", "whole.db", "--quiet"))
    assert whole.code == 0, whole.err
    driver = Driver(place, *long("--name", "part"))
    driver.until("epoch 2/60")
    worker = recorded("part")[0].worker
    assert worker is not None
    os.kill(int(worker.rpartition(":")[2]), signal.SIGKILL)
    driver.until("waits again: worker lost")
    driver.until("epoch 6/60")
    driver.process.kill()
    driver.end()
    driver = Driver(place, "resume", "part")
    driver.until("epoch 9/60")
    driver.process.send_signal(signal.SIGINT)
    code, said = driver.end()
    assert code == 130
    assert "nas resume part" in said
    (trial,) = recorded("part")
    assert (trial.state, trial.lost) == (TrialState.WAITING, 0)
    assert list((place / "nas-results" / "part" / "trial-0").iterdir())
    assert nas("resume", "part", "--quiet").code == 0
    (ended,), (expected,) = recorded("part"), recorded("whole", "whole.db")
    assert ended.attempt == 4
    assert curve(ended) == curve(expected)
    assert len(curve(ended)) == 60
    assert ended.weights_sha256 == expected.weights_sha256


@pytest.mark.slow
def test_two_workers_train_what_one_trains_even_if_one_is_killed(nas: Shell, place: Path) -> None:
    assert nas(*long("--name", "alone", "--db", "alone.db", "--quiet")).code == 0
    driver = Driver(place, *long("--name", "team", "--workers", "2"))
    driver.until("epoch 3/60")
    driver.kill_worker(b"RayTrainWorker")
    driver.until("waits again: worker lost")
    driver.until("epoch 6/60")
    driver.process.send_signal(signal.SIGINT)
    code, said = driver.end()
    assert code == 130
    assert "nas resume team --workers 2" in said
    code, said = Driver(place, "resume", "team", "--workers", "2", "--quiet").end()
    assert code == 0, said
    (team,), (alone,) = recorded("team"), recorded("alone", "alone.db")
    assert team.worker is not None
    assert team.worker.endswith("of 2")
    for one, other in zip(curve(team)[:8], curve(alone)[:8], strict=True):
        assert one == pytest.approx(other, rel=5e-3, abs=0.02)
    assert team.final is not None
