"""Names of networks: a trial of a study, or the id that its tables print."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nas.cost.model import total_cost
from nas.space.file import load_space
from nas.space.layers import Shape
from nas.store import open_store
from nas.study.trial import Outcome, Trial, TrialState
from nas.training.loop.recipe import load_recipe
from nas.training.network.module import build
from nas.training.network.weights_file import save_weights
from tests.classified import classified
from tests.cli.runner import Shell
from tests.compared import LEAN, spec_of
from tests.messages import carries

PLAIN = "\n".join(
    line
    for line in LEAN.replace('"lean"', '"plain"').replace('"igcv3"', '"mobilenetv2"').splitlines()
    if not line.startswith(("g1", "g2", "relu", "permute2"))
).replace("[[stage]]", "kernel = 3\n[[stage]]", 1)
WORDS = {
    "lean": "depth=1,width=8-16,expansion=1,g1=1,g2=1,relu=last,permute2=no",
    "plain": "depth=1-2,width=8-16,expansion=1,kernel=3",
}


@pytest.fixture
def trials(tmp_path: Path) -> list[Trial]:
    """Trial 0 of a study is of its first space, trial 1, which is the best, of its second."""
    spec = replace(
        spec_of("random", 2),
        name="two",
        more_spaces=(("plain", PLAIN),),
        task="digits",
        recipe=load_recipe("digits").text,
    )
    found = []
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, {"nas": "1"})
        for number, (name, space) in enumerate(spec.spaces.items()):
            architecture = space.parse(WORDS[name])
            cost = total_cost(spec.deployed_layers(architecture))
            trial = Trial(number, architecture, cost, TrialState.RUNNING, 7, attempt=1)
            layers = spec.task_layers(architecture, Shape(1, 8, 8), 10)
            path = tmp_path / f"trial-{number}.safetensors"
            digest = save_weights(build(layers, torch.Generator().manual_seed(1)), path)
            store.insert_trial("two", trial)
            epoch = classified(spec.rungs[-1], 0, 0.3 - 0.1 * number, 1.0, 1.0, 1.0)
            store.record_measurement("two", number, 1, epoch)
            done = Outcome(TrialState.COMPLETE, 1.0, None, None, str(path), digest)
            store.finish_trial("two", number, 1, done)
            found.append(trial)
    return found


def counted(nas: Shell, *words: str) -> dict[str, Any]:
    called = nas("count", *words, "--json")
    assert called.code == 0, called.err
    document: dict[str, Any] = json.loads(called.out)
    return document


def test_a_trial_is_counted_at_the_deployment_of_its_study(nas: Shell, trials: list[Trial]) -> None:
    for trial in trials:
        found = counted(nas, "two", "--trial", str(trial.number))
        assert (found["arch_id"], found["madds"]) == (trial.arch_id, trial.cost.madds)
        assert (found["input"], found["classes"]) == ("3x64x64", 10)
    assert counted(nas, "two", "--best")["arch_id"] == trials[1].arch_id
    assert counted(nas, "two", "--best", "--classes", "37")["classes"] == 37


@pytest.mark.parametrize("digits", [6, 9, 12])
def test_an_id_of_a_table_names_its_network(nas: Shell, trials: list[Trial], digits: int) -> None:
    for trial in trials:
        found = counted(nas, "--arch", trial.arch_id[:digits])
        assert (found["architecture"], found["madds"]) == (
            trial.architecture.text,
            trial.cost.madds,
        )


def test_an_id_of_a_known_network_needs_no_database(nas: Shell) -> None:
    named = counted(nas, "--arch", "igcv3-d-1.0")
    assert counted(nas, "--arch", named["arch_id"]) == named


def test_an_id_that_nobody_has_is_refused(nas: Shell, trials: list[Trial]) -> None:
    assert "nas.db" in nas.refused("count", "--arch", "0123456789ab")
    nas.refused("count", "--arch", "01234")


def test_the_beginning_of_two_ids_is_refused_until_digits_tell_them_apart(
    nas: Shell, tmp_path: Path
) -> None:
    space = load_space("igcv3")
    words = "depth=1-2-3-4-3-3-1,width=32-48-64-128-192-320-640,expansion={},g1={},g2=4,relu={}"
    alike = [
        ("2-2-1-1-2-1-1", "4-4-1-2-2-1-2", "none-none-depthwise-last-depthwise-last-last"),
        ("1-1-2-2-1-1-2", "4-4-1-4-2-2-1", "none-last-depthwise-first-last-none-none"),
    ]
    found = [space.parse(words.format(*choices) + ",permute2=no") for choices in alike]
    ids = [architecture.arch_id for architecture in found]
    assert len(set(ids)) == 2
    assert ids[0][:6] == ids[1][:6]
    spec = replace(
        spec_of("random", 2), name="alike", more_spaces=(), space_name="igcv3",
        space_text=space.source,
    )  # fmt: skip
    with open_store(str(tmp_path / "nas.db")) as store:
        store.create_study(spec, {})
        for number, architecture in enumerate(found):
            cost = total_cost(spec.deployed_layers(architecture))
            trial = Trial(number, architecture, cost, TrialState.WAITING, 1)
            store.insert_trial("alike", trial)
    error = nas.refused("count", "--arch", ids[0][:6])
    assert all(arch_id in error for arch_id in ids)
    assert "several networks" in error
    for arch_id in ids:
        assert counted(nas, "--arch", arch_id[:8])["arch_id"] == arch_id


def test_against_what_is_not_there(nas: Shell, trials: list[Trial]) -> None:
    words = ("train", "two", "--best", "--epochs", "1", "--against")
    assert "trial 9" in nas.refused(*words, "two#9")
    assert "Did you mean two?" in nas.refused(*words, "twoo#1", code=4)
    assert "compared with itself" in nas.refused(*words, "two#1")
    assert "Did you mean igcv3-w" in nas.refused(*words, "igcv3-x")


def test_a_misspelled_task_is_no_recipe(nas: Shell) -> None:
    for more in ([], ["--recipe", "paper"]):
        error = nas.refused("train", "--arch", "igcv3-w", "--task", "cifr10", *more)
        assert carries(error, "'cifr10' … cifar10")


@pytest.mark.parametrize(("typed", "meant"), [("224x224x3", "3x224x224"), ("28x28x1", "1x28x28"),
                                              ("160x224x3", "3x160x224")])  # fmt: skip
def test_channels_at_the_end_are_said_to_be_first(nas: Shell, typed: str, meant: str) -> None:
    assert carries(nas.refused("count", "--arch", "igcv3-w", "--input", typed), meant)
    assert nas("count", "--arch", "igcv3-w", "--input", meant).code == 0


def test_a_known_network_of_another_space_says_of_which(nas: Shell) -> None:
    error = nas.refused("count", "--arch", "mobilenetv1-0.5")
    assert carries(error, "mobilenetv1-0.5 … --space mobilenetv1")
    assert nas("count", "--arch", "mobilenetv1-0.5", "--space", "mobilenetv1").code == 0
    error = nas.refused("count", "--arch", "mobilenetv1-05")
    assert carries(error, "--space mobilenetv1 --arch mobilenetv1-0.5")


def test_a_study_or_a_trial_that_is_not_there(nas: Shell, trials: list[Trial]) -> None:
    assert "trial 9" in nas.refused("count", "two", "--trial", "9")
    assert "Did you mean two?" in nas.refused("count", "twoo", "--best", code=4)
    assert "needs one network" in nas.refused("count")
    assert "needs one network" in nas.refused("latency", "two")


def test_a_trial_is_exported_at_its_deployment_with_the_weights_that_fit(
    nas: Shell, tmp_path: Path, trials: list[Trial]
) -> None:
    called = nas("export", "two", "--trial", "0", "--deploy", "--classes", "37", "-o", "out")
    assert called.code == 0, called.err
    assert "untrained" in called.out
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert (card["network"]["input"], card["network"]["classes"]) == ("3x64x64", 37)
    assert (card["study"], card["trial"], card["trained"]) == ("two", 0, False)
    assert "untrained" in card["weights"]
    ours = load_file(tmp_path / "out" / "weights.safetensors")
    theirs = load_file(tmp_path / "trial-0.safetensors")
    assert ours["classifier.weight"].shape[0] == 37
    same = [key for key in ours if key in theirs and torch.equal(ours[key], theirs[key])]
    assert {key for key in ours if "head" in key or "stage" in key} <= set(same)


def test_a_head_for_as_many_classes_is_untrained_too(
    nas: Shell, tmp_path: Path, trials: list[Trial]
) -> None:
    assert nas("export", "two", "--best", "--deploy", "-o", "out").code == 0
    ours = load_file(tmp_path / "out" / "weights.safetensors")["classifier.weight"]
    theirs = load_file(tmp_path / "trial-1.safetensors")["classifier.weight"]
    assert ours.shape == theirs.shape
    assert not torch.equal(ours, theirs)
