"""`nas train`: from words to a trained network, its record, and every way to get it wrong."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cost.model import CostModel
from nas.store import open_store
from nas.study.trial import Outcome, Trial, TrialState
from nas.training.loop.recipe import load_recipe
from tests.classified import classified
from tests.studies import small_spec

SPACE = """
schema = 1
name = "tiny"
block = "igcv3"
title = "a tiny space"
[deployment]
input = "3x32x32"
classes = 10
[stem]
width = 8
stride = 1
[head]
width = 32
[adaptation]
drop_strides = []
[choices]
depth = 1
expansion = [2, 4]
g1 = [1, 2]
g2 = 2
relu = "depthwise"
permute2 = false
[[stage]]
name = "stage1"
stride = 2
width = 16
"""
ARCH = "depth=1,width=16,expansion=2,g1=2,g2=2,relu=depthwise,permute2=no"
OTHER = ARCH.replace("expansion=2", "expansion=4")
QUICK = ["--epochs", "1", "--limit", "100", "--set", "bn_batches=2", "--no-export"]


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


def words(*more: str, arch: str = ARCH) -> list[str]:
    return ["train", "--space", "tiny.toml", "--arch", arch, *QUICK, *more]


def test_trains_replicates_and_writes_them_down(nas, place):
    called = nas(*words("--seeds", "2", "-o", "out", "--set", "ema=0.9"))
    assert called.code == 0, called.err
    assert "standard deviation" in called.out
    assert "images/s" in called.out
    document = json.loads((place / "out" / "result.json").read_text())
    (network,) = document["networks"]
    assert [run["seed"] for run in network["runs"]] == [0, 1]
    assert network["test_error"]["n"] == 2
    assert network["architecture"] == ARCH
    assert "ema = 0.9" in document["settings"]["recipe text"]
    for run in network["runs"]:
        assert sum(map(sum, run["confusion"])) == run["test"]["images"] == 359
        content = Path(run["weights"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == run["weights_sha256"]
    page = (place / "out" / "report.html").read_text()
    assert "Learning curves" in page
    assert "Worst confusions" in page


def test_compares_two_architectures_and_an_earlier_one(nas, place):
    called = nas(*words("--seeds", "2", "-o", "both", "--against", OTHER))
    assert called.code == 0, called.err
    assert "points of test error, 95 % interval" in called.out
    assert "within noise" in called.out or "beyond noise" in called.out
    result = place / "both" / "result.json"
    result.write_text(result.read_text(), encoding="utf-8-sig")  # as an editor may save it
    called = nas(*words("-o", "one", "--against", "both", arch=OTHER, ))  # fmt: skip
    assert "one run tells nothing of noise" in called.out


def test_exports_what_it_trained(nas, place):
    without = [word for word in words("-o", "out") if word != "--no-export"]
    called = nas(*without)
    assert called.code == 0, called.err
    card = json.loads((place / "out" / "network" / "card.json").read_text())
    result = json.loads((place / "out" / "result.json").read_text())
    run = result["networks"][0]["runs"][0]
    assert card["training"]["scores"]["test"]["top1_error"] == run["test"]["top1_error"]
    assert card["training"]["task"] == "digits"


def test_nothing_is_overwritten_and_resume_goes_on(nas, place):
    assert nas(*words("-o", "out")).code == 0
    weights = place / "out" / "seed-0" / "weights.safetensors"
    before = weights.read_bytes(), weights.stat().st_mtime_ns
    assert "holds files" in nas.refused(*words("-o", "out"))
    assert "recipe is" in nas.refused(*words("-o", "out", "--resume", "--set", "lr=0.01"))
    error = nas.refused(*words("-o", "out", "--resume", arch=OTHER))
    assert "architecture is" in error
    called = nas(*words("-o", "out", "--resume", "--seeds", "2"))
    assert called.code == 0, called.err
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == before
    assert (place / "out" / "seed-1" / "weights.safetensors").is_file()


def test_a_folder_of_ones_own(nas, place):
    for label in ("owl", "cat"):
        (place / "images" / label).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "images" / label / f"{number}.png")
    data = ["--data", "images", "--set", "batch_size=8", "-o"]
    called = nas(*words(*data, "out"))
    assert called.code == 0, called.err
    assert "folder 3x20x20, 24 images in 2 classes" in called.out
    (place / "images" / "owl" / "3.png").write_bytes(b"nothing")
    assert "owl/3.png is not a readable image" in nas.refused(*words(*data, "b"))
    assert not (place / "b").exists()
    assert "left out: 1 (1 unreadable: " in nas(*words(*data, "c", "--skip-corrupt")).out


def test_a_trial_of_a_study_is_recorded_beside_the_search(nas):
    spec = small_spec(
        name="searched", space_name="tiny", space_text=SPACE, limit=100,
        recipe=load_recipe("digits").text, rungs=(2, 4, 8),
    )  # fmt: skip
    architecture = spec.space.parse(ARCH)
    cost = CostModel(spec.space).cost(architecture)
    trial = Trial(0, architecture, cost, TrialState.WAITING, seed=1)
    with open_store("nas.db") as store:
        store.create_study(spec, {})
        store.insert_trial("searched", trial)
        store.start_trial("searched", 0, 1)
        store.record_measurement("searched", 0, 1, classified(8, 2, 0.2, 0.5, 0.5, 1.0))
        store.finish_trial("searched", 0, 1, Outcome(TrialState.COMPLETE, 1.0))
    call = ["train", "searched", "--best", "--epochs", "1", "--seeds", "2", "--no-export"]
    called = nas(*call, "-o", "out", "--db", "nas.db")
    assert called.code == 0, called.err
    assert nas(*call, "-o", "out", "--db", "nas.db", "--resume").code == 0
    with open_store("nas.db") as store:
        found = store.trainings()
    assert [(one.study, one.trial, one.seed) for one in found] == [  # entered once each
        ("searched", 0, 0),
        ("searched", 0, 1),
    ]
    assert all(0 <= one.content["run"]["test"]["top1_error"] <= 1 for one in found)
    shown = nas("show", "searched", "--db", "nas.db")
    assert found[0].name in shown.out
    assert nas(*call, "-o", "again", "--db", "nas.db", "--set", "lr=0.01").code == 0
    with open_store("nas.db") as store:
        assert len({one.name for one in store.trainings()}) == 2  # another recipe, another name


def test_a_training_without_a_study_is_kept_and_read_again(nas, place):
    assert nas("list", "--db", "nas.db").code == 4  # no database yet
    called = nas(*words("--seeds", "2", "-o", "out", "--against", OTHER))
    assert called.code == 0, called.err
    listed = json.loads(nas("list", "--json").out)
    assert [(row["kind"], row["seeds"]) for row in listed] == [("training", [0, 1])] * 2
    name = listed[0]["training"]
    assert f"nas show {name}" in called.out
    assert name in nas("list").out
    document = json.loads(nas("show", name, "--json").out)
    written = json.loads((place / "out" / "result.json").read_text())
    assert document["networks"] == written["networks"][:1]
    assert document["class_names"] == written["class_names"]
    shown = nas("show", name).out
    assert ARCH in shown
    assert str(place / "out" / "seed-1" / "weights.safetensors") in shown
    assert nas("report", name, "-o", "page.html").code == 0
    page = (place / "page.html").read_text()
    assert "Learning curves" in page
    assert "Worst confusions" in page
    assert "exists already" in nas.refused("report", name, "-o", "page.html")


def test_a_further_seed_joins_its_replicates_and_the_same_is_replaced(nas):
    assert nas(*words("-o", "out")).code == 0
    assert nas(*words("-o", "out", "--seeds", "2", "--resume")).code == 0
    assert nas(*words("-o", "else", "--seed", "5")).code == 0  # other splits: no replicate
    row, _ = json.loads(nas("list", "--json").out)
    assert row["seeds"] == [0, 1]
    assert row["deviation"] is not None
    assert nas(*words("-o", "again")).code == 0
    with open_store("nas.db", read_only=True) as store:
        one, other = store.trainings(row["training"])
    assert (one.seed, other.seed) == (0, 1)
    assert "/again/" in one.content["run"]["weights"]


def test_a_database_that_cannot_be_written_is_found_before_training(nas, place):
    (place / "bad.db").write_text("no database")
    nas.refused(*words("-o", "out", "--db", "bad.db"), code=4)
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["train"], "which network"),
        (["train", "study", "--arch", "x"], "which network"),
        (["train", "--best"], "which network"),
        (["train", "--arch", "resnet-50"], "resnet-50"),
        (words("--set", "rate=1"), "unknown field 'rate'"),
        (words("--set", "lr"), "no setting"),
        (words("--recipe", "magic"), "magic"),
        (words("--task", "mnist"), "mnist"),
        (words("--data", "gone"), "no folder gone"),
        (words("--task", "imagenet"), "needs the folder"),
        (words("--image-size", "64"), "8x8"),
        (words("--against", ARCH), "with itself"),
        (words("--against", "nowhere"), "nowhere"),
        (words("-o", "tiny.toml"), "is a file"),
        (
            [
                word
                for word in words("--workers", "999", "--set", "batch_size=1998")
                if word not in ("--limit", "100")
            ],
            "999 workers",
        ),
        (words("--workers", "3"), "equally among 3"),
        (words("--ray-address", "localhost:1"), "--ray-address has no effect"),
    ],
)
def test_wrong_words_leave_nothing_behind(nas, place, given, said):
    assert said in nas.refused(*given)
    assert [path.name for path in place.iterdir()] == ["tiny.toml"]


def test_an_unknown_study(nas, place):
    open_store(str(place / "nas.db")).close()
    nas.refused("train", "nowhere", "--best", "--db", "nas.db", code=4)
