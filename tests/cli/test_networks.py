"""The networks that people name: a trial of a study, or the id that its tables print."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from nas.cost import total_cost
from nas.layers import Shape
from nas.store import open_store
from nas.train.network import build
from nas.train.recipe import load_recipe
from nas.train.weights import save_weights
from nas.trial import Measurement, Outcome, Trial, TrialState
from tests.compared import LEAN, spec_of

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
def trials(tmp_path):
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
            epoch = Measurement(spec.rungs[-1], 0, 0.3 - 0.1 * number, 1.0, 1.0, 1.0)
            store.record_measurement("two", number, 1, epoch)
            done = Outcome(TrialState.COMPLETE, 1.0, None, None, str(path), digest)
            store.finish_trial("two", number, 1, done)
            found.append(trial)
    return found


def counted(nas, *words):
    called = nas("count", *words, "--json")
    assert called.code == 0, called.err
    return json.loads(called.out)


def test_a_trial_is_counted_at_the_deployment_of_its_study(nas, trials):
    for trial in trials:
        found = counted(nas, "two", "--trial", str(trial.number))
        assert (found["arch_id"], found["madds"]) == (trial.arch_id, trial.cost.madds)
        assert (found["input"], found["classes"]) == ("3x64x64", 10)
    assert counted(nas, "two", "--best")["arch_id"] == trials[1].arch_id
    assert counted(nas, "two", "--best", "--classes", "37")["classes"] == 37


@pytest.mark.parametrize("digits", [6, 9, 12])
def test_an_id_of_a_table_names_its_network(nas, trials, digits):
    for trial in trials:
        found = counted(nas, "--arch", trial.arch_id[:digits])
        assert (found["architecture"], found["madds"]) == (
            trial.architecture.text,
            trial.cost.madds,
        )


def test_an_id_of_a_known_network_needs_no_database(nas):
    named = counted(nas, "--arch", "igcv3-d-1.0")
    assert counted(nas, "--arch", named["arch_id"]) == named


def test_an_id_that_nobody_has_is_refused(nas, trials):
    assert "nas.db" in nas.refused("count", "--arch", "0123456789ab")
    nas.refused("count", "--arch", "01234")


def test_a_study_or_a_trial_that_is_not_there(nas, trials):
    assert "trial 9" in nas.refused("count", "two", "--trial", "9")
    assert "Did you mean two?" in nas.refused("count", "twoo", "--best", code=4)
    assert "which network" in nas.refused("count")
    assert "which network" in nas.refused("latency", "two")


def test_the_best_of_several_spaces_is_trained(nas, trials):
    called = nas("train", "two", "--best", "--epochs", "1", "--limit", "50", "--no-export",
                 "--out", "out", "--json")  # fmt: skip
    assert called.code == 0, called.err
    assert json.loads(called.out)["networks"][0]["arch_id"] == trials[1].arch_id


def test_a_trial_is_exported_at_its_deployment_with_the_weights_that_fit(nas, tmp_path, trials):
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


def test_a_head_for_as_many_classes_is_untrained_too(nas, tmp_path, trials):
    assert nas("export", "two", "--best", "--deploy", "-o", "out").code == 0
    ours = load_file(tmp_path / "out" / "weights.safetensors")["classifier.weight"]
    theirs = load_file(tmp_path / "trial-1.safetensors")["classifier.weight"]
    assert ours.shape == theirs.shape
    assert not torch.equal(ours, theirs)
