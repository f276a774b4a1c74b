"""Strides on the command line: stated, printed, stored, and refused without effect."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.cost.latency_table import LatencyTable
from nas.cost.model import total_cost
from nas.space.layers import Layer
from nas.space.lowering import lower
from nas.store import open_store
from nas.study.evaluator import Job, WorkerPlan
from nas.study.spec import StudySpec
from nas.study.trial import Measurement, Outcome, Trial, TrialState
from nas.training import evaluator as evaluator_module
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop.recipe import load_recipe, override
from nas.training.loop.session import Session
from tests.cli.runner import Shell
from tests.cli.test_latency_verb import ARCH as SMALL_ARCH
from tests.cli.test_latency_verb import small  # noqa: F401  a fixture
from tests.members import SMALL
from tests.messages import carries
from tests.studies import small_spec
from tests.training.data.pictures import write_folder

ARCH = ("--arch", "mobilenetv2-1.0")
MOBILE = ("--space", "mobilenetv2", *ARCH)
OWN = "2,1,2,2,2,1,2,1"
STEM_1 = "1,1,2,2,2,1,2,1"
LARGE = SMALL.replace('"3x32x32"', '"3x224x224"')  # the space of small networks, deployed at 224

# four strides, of which the earlier rule kept three at 100 pixels
POOLED = LARGE.replace("\nstride = 2\n", "\nstride = 2\npool = true\n", 1)


@pytest.mark.parametrize(
    ("input_", "madds"), [("3x160x160", 152_850_560), ("3x192x192", 220_083_968)]
)
def test_count_at_160_and_192_pixels(nas: Shell, input_: str, madds: int) -> None:
    words = ("count", *MOBILE, "--input", input_, "--classes", "37")
    document = json.loads(nas(*words, "--json").out)
    assert (document["madds"], document["strides"]) == (madds, OWN)
    shown = nas(*words).out
    assert f"input {input_}: strides 2,1,2,2,2,1,2,1" in shown
    same = json.loads(nas(*words, "--strides", OWN, "--json").out)
    assert same == document


def test_a_rectangle_goes_by_its_shorter_side(nas: Shell) -> None:
    wide = json.loads(nas("count", *MOBILE, "--input", "3x96x320", "--json").out)
    assert wide["strides"] == OWN
    low = json.loads(nas("count", *MOBILE, "--input", "3x64x320", "--json").out)
    assert low["strides"] == "1,1,1,2,2,1,2,1"
    stated = ("--strides", OWN)
    stated = json.loads(nas("count", *MOBILE, "--input", "3x64x320", *stated, "--json").out)
    assert stated["strides"] == OWN
    assert stated["madds"] < low["madds"]


def test_a_space_is_counted_with_the_strides_that_are_stated(nas: Shell) -> None:
    words = ("space", "mobilenetv2", "--input", "3x64x64", "--strides", STEM_1)
    document = json.loads(nas(*words, "--json").out)
    assert document["strides"] == STEM_1
    (entry,) = (one for one in document["published"] if one["name"] == "mobilenetv2-1.0")
    counted = nas("count", *MOBILE, *words[2:], "--json").out
    assert entry["madds"] == json.loads(counted)["madds"]
    assert "input 3x64x64: strides 1,1,2,2,2,1,2,1" in nas(*words).out


def test_the_latency_is_that_of_the_strides(nas: Shell, small: Path) -> None:  # noqa: F811
    words = ("latency", "--space", str(small), "--arch", SMALL_ARCH, "--input", "3x48x48")
    document = json.loads(nas(*words, "--strides", "2,1,2", "--json").out)
    assert document["strides"] == "2,1,2"
    assert document["madds"] < json.loads(nas(*words, "--json").out)["madds"]


def test_a_latency_table_belongs_to_its_strides(nas: Shell, small: Path) -> None:  # noqa: F811
    table = ("--budget", "5ms-latency@cpu", "--latency-table", str(small.with_name("table.json")))
    assert nas("space", str(small), *table).code == 0  # a table that states none
    said = nas.refused("space", str(small), *table, "--strides", "1,1,1")
    assert "4 classes, strides 1,1,2, on" in said
    assert "4 classes, strides 1,1,1, on" in said
    kept = json.loads(small.with_name("table.json").read_text())[0]
    assert LatencyTable.from_json(json.dumps({**kept, "strides": "1,1,1"})).strides == "1,1,1"


def test_an_export_has_the_strides_that_are_stated(nas: Shell, tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(LARGE)
    words = ("--space", str(path), "--arch", "small-plain", "--input", "3x40x40", "--classes", "4")
    called = nas("export", *words, "--strides", "1,1,1,2", "-o", "out")
    assert called.code == 0, called.err
    assert "input 3x40x40: strides 1,1,1,2 (stem, stages; 1/2 of the input" in called.out
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["network"]["strides"] == card["cost"]["deployment"]["strides"] == "1,1,1,2"
    counted = json.loads(nas("count", *words, "--strides", "1,1,1,2", "--json").out)
    assert card["cost"]["exported"]["fvcore"]["madds"] == counted["madds"]
    assert "strides 1,1,1,2" in (tmp_path / "out" / "network.py").read_text()


def spec(**settings: Any) -> StudySpec:
    from nas.workflows import SearchRequest, plan_study

    return plan_study(SearchRequest(budgets=("400M-flops",), **settings))


def test_a_search_keeps_both_strides() -> None:
    found = spec(strides=STEM_1, task_strides=OWN, task="digits")
    assert found.strides == (1, 1, 2, 2, 2, 1, 2, 1)
    assert found.task_strides == (2, 1, 2, 2, 2, 1, 2, 1)
    space, own = found.space, found.space.published[0].architecture
    assert found.deployed_layers(own) == lower(space, own, strides=found.strides)
    assert (spec().strides, spec().task_strides, spec().stride_rule) == ((), (), 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "--budget", "1M-flops", "--strides", "2,1"], "--strides 2,1 … 2"),
        (["search", "--budget", "1M-flops", "--task-strides", "2,1"], "--task-strides 2,1 … 2"),
        (["search", "--budget", "1M-flops", "--strides", "4,1"], "'4'"),
        (["count", *MOBILE, "--strides", "2x1"], "'2x1'"),
        (["latency", *MOBILE, "--strides", "2"], "1 … mobilenetv2 … 8"),
        (["train", *MOBILE, "--task-strides", "2"], "--task-strides 2 … 1"),
        (["train", "study", "--best", "--strides", OWN], "--strides"),
        (["export", "study", "--best", "--strides", OWN, "-o", "out"], "--strides"),
        (["compare-spaces", "--study", "x", "--strides", OWN], "no space was named"),
        (["compare-spaces", "--study", "x", "--task-strides", OWN], "no space was named"),
    ],
)  # fmt: skip
def test_strides_that_cannot_be_or_do_nothing_are_refused(
    nas: Shell, tmp_path: Path, words: list[str], said: str
) -> None:
    assert carries(nas.refused(*words), said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("rule", "strides"), [(1, "1,2,1,2,2"), (2, "2,2,1,2,2")])
def test_a_stored_study_is_resumed_and_exported_as_it_was_trained(
    nas: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: int, strides: str
) -> None:
    """Strides do not show in the weights: another rule would load them, and compute otherwise."""
    write_folder(tmp_path / "images", ("cat", "owl"), side=100)
    study = small_spec(
        space_text=POOLED, input="3x100x100", task="folder", data_dir=str(tmp_path / "images"),
        rungs=(1,), stride_rule=rule, classes=4,
        recipe=override(load_recipe("folder"), ["batch_size=8", "bn_batches=2"]).text,
    )  # fmt: skip
    trained = []

    class Seen(Session):
        def __init__(self, layers: list[Layer], *rest: Any, **more: Any) -> None:
            trained.append(layers)
            super().__init__(layers, *rest, **more)

    monkeypatch.setattr(evaluator_module, "Session", Seen)
    plan = WorkerPlan(study.to_json(), str(tmp_path / "results"), study.data_dir, "", "0")
    whole = study.space.published[0].architecture
    epoch, saved = TrainingEvaluator(plan).evaluate(Job(0, 1, 7, whole))
    (layers,) = trained
    convolutions = [layer for layer in layers if layer.name in ("stem.conv", "stage2.0.depthwise")]
    assert [layer.stride for layer in convolutions] == [int(strides[0]), int(strides[6])]
    cost = study.cost_models()["small"].cost(whole)
    assert epoch.counted == cost
    with open_store("nas.db") as store:
        store.create_study(study, {})
        store.insert_trial("study", Trial(0, whole, cost, TrialState.WAITING, seed=7))
        store.start_trial("study", 0, 1)
        found = Measurement(1, 0, epoch.metrics, epoch.train_loss, 1.0)
        store.record_measurement("study", 0, 1, found)
        kept = Outcome(
            TrialState.COMPLETE,
            1.0,
            weights_path=str(tmp_path / "results" / saved.path),
            weights_sha256=saved.sha256,
        )
        store.finish_trial("study", 0, 1, kept)
        assert store.spec("study").deployed(study.space).text == strides
    called = nas("export", "study", "--trial", "0", "-o", "out")
    assert called.code == 0, called.err
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["network"]["strides"] == card["cost"]["deployment"]["strides"] == strides
    assert card["cost"]["exported"]["nas"]["madds"] == total_cost(layers).madds
    assert card["cost"]["deployment"]["nas"]["madds"] == cost.madds
    assert f"strides {strides} (stem, pool, stages; 1/" in nas("show", "study").out
