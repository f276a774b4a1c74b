"""A training to its end: exact resume, averaged weights, accumulation, replicates compared."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from nas.errors import TaskError
from nas.stats.means import Summary, difference
from nas.training.loop import run as run_module
from nas.training.loop.checkpoint import restore_checkpoint, save_checkpoint
from nas.training.loop.memory_batches import Feed
from nas.training.loop.recipe import load_recipe
from nas.training.loop.run import Run, Watch, train
from nas.training.loop.session import Session
from tests.messages import carries, carrying
from tests.training.nets import RECIPE, coloured_task, small_layers

ROOT = Path(__file__).parents[2]
RICH = replace(RECIPE, ema=0.9, optimiser="rmsprop", lr=0.01, rmsprop_epsilon=1.0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def a_run(folder: Path, epochs: int = 4, seed: int = 0, recipe=RECIPE, **identity) -> Run:
    task = coloured_task()
    layers = small_layers(task.input, task.classes)
    return Run(layers, task, recipe, epochs, seed, folder, {"architecture": "small", **identity})


def curve(result) -> list[tuple[float, ...]]:
    keys = ("epoch", "top1_error", "loss", "train_loss", "lr")
    return [tuple(row[key] for key in keys) for row in result.history]


class KilledError(Exception):
    """Stands for whatever ends a process between two epochs."""


def kill_after(epochs: int) -> Watch:
    def epoch(_run, result):
        if result.epoch == epochs:
            raise KilledError

    return Watch(epoch=epoch)


@pytest.mark.parametrize("recipe", [RECIPE, RICH, replace(RECIPE, accumulation=2)])
def test_resumed_runs_are_exactly_those_that_went_through(tmp_path, recipe):
    whole = train(a_run(tmp_path / "whole", recipe=recipe), False, device="cpu")
    with pytest.raises(KilledError):
        train(a_run(tmp_path / "part", recipe=recipe), False, kill_after(2), device="cpu")
    resumed = train(a_run(tmp_path / "part", recipe=recipe), True, device="cpu")
    assert curve(resumed) == curve(whole)
    assert resumed.test == whole.test
    assert resumed.confusion == whole.confusion
    ours, theirs = load_file(resumed.weights), load_file(whole.weights)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.test_training import a_run
from nas.training.loop.run import Watch, train
def step(epoch, step, steps):
    print(epoch, step, flush=True)
train(a_run(Path(sys.argv[1]), epochs=400), True, Watch(step=step), device="cpu")
"""


@pytest.mark.usefixtures("cpu_mode")
def test_a_killed_process_goes_on_exactly(tmp_path):
    folder = tmp_path / "killed"
    words = [sys.executable, "-c", PROGRAM, str(folder)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.split() == ["3", "2"]:  # in the middle of an epoch
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    document = json.loads((folder / "checkpoint.json").read_text())
    done = document["epoch"]
    assert done >= 2
    session = Session(*_parts(a_run(folder, epochs=400)), "cpu")
    history = restore_checkpoint(session, folder, a_run(folder, epochs=400).whole_identity)
    history.append(session.run_epoch())
    straight = Session(*_parts(a_run(tmp_path, epochs=400)), "cpu")
    for found in history:
        expected = straight.run_epoch()
        assert (found.train_loss, found.metrics) == (expected.train_loss, expected.metrics)


def _parts(run: Run):
    return run.layers, run.task, run.recipe, run.epochs, run.seed


def test_nothing_is_overwritten(tmp_path):
    folder = tmp_path / "run"
    first = train(a_run(folder), False, device="cpu")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert {path.name for path in before} == {"result.json", "weights.safetensors"}
    with pytest.raises(TaskError, match=carrying("run … --resume")):
        train(a_run(folder), False, device="cpu")
    assert asdict(train(a_run(folder), True, device="cpu")) == asdict(first)
    with pytest.raises(TaskError, match=carrying("architecture … small … large")):
        train(a_run(folder, architecture="large"), True, device="cpu")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"architecture": "large"}, "architecture … small … large"),
     ({"seed": 1}, "seed … 0 … 1"), ({"epochs": 5}, "epochs … 4 … 5")],
)  # fmt: skip
def test_a_checkpoint_of_another_training_is_refused(tmp_path, changes, match):
    with pytest.raises(KilledError):
        train(a_run(tmp_path / "run"), False, kill_after(1), device="cpu")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(TaskError, match=carrying(match)):
        train(a_run(tmp_path / "run", **changes), True, device="cpu")
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_broken_checkpoints_are_refused(tmp_path):
    run = a_run(tmp_path / "run")
    with pytest.raises(KilledError):
        train(run, False, kill_after(1), device="cpu")
    (state,) = run.folder.glob("state-*")
    content = state.read_bytes()
    state.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(TaskError, match=carrying(state.name)):
        train(run, True, device="cpu")
    state.unlink()
    with pytest.raises(TaskError, match=carrying("checkpoint.json")):
        train(run, True, device="cpu")
    (run.folder / "checkpoint.json").write_text("{")
    with pytest.raises(TaskError, match=carrying("checkpoint.json")):
        train(run, True, device="cpu")


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    run = a_run(tmp_path / "file" / "below")
    session = Session(*_parts(run), "cpu")
    session.run_epoch()
    with pytest.raises(TaskError, match=carrying("below")):
        save_checkpoint(session, run.folder, {}, [])


def test_divergence_is_an_error_with_a_remedy(tmp_path):
    wild = replace(RECIPE, lr=100.0, momentum=0.999, weight_decay=1.0, warmup_epochs=0.0)
    with pytest.raises(TaskError, match=carrying("--set lr=25")):
        train(a_run(tmp_path / "run", epochs=60, recipe=wild), False, device="cpu")


def test_out_of_memory_is_tried_once_more_in_halves(tmp_path, monkeypatch):
    steps, notes = [], []
    honest = run_module.Session.run_epoch

    def small_device(self, on_step=None):
        steps.append(self.recipe.accumulation)
        if self.epoch == 1 and self.recipe.accumulation == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, on_step)

    monkeypatch.setattr(run_module.Session, "run_epoch", small_device)
    result = train(a_run(tmp_path / "run"), False, Watch(note=notes.append), device="cpu")
    assert steps == [1, 1, 2, 2, 2]  # the epoch that was whole is kept
    assert result.notes == notes
    assert len(notes) == 1
    assert carries(notes[0], "16 … 2 … 8")
    monkeypatch.setattr(
        run_module.Session, "run_epoch", lambda *_: torch.empty(1 << 60)
    )  # fmt: skip
    with pytest.raises(TaskError, match=carrying("memory")):
        train(a_run(tmp_path / "other"), False, device="cpu")


def test_accumulation_takes_the_step_of_the_whole_batch():
    """Batch norms see their part only; without them the gradients are the same."""
    task = coloured_task()
    layers = [
        layer for layer in small_layers(task.input, 2) if "bn" not in layer.name
    ]  # fmt: skip
    renamed = {"stem.bn": "stem.conv", "body.0.bn1": "body.0.first",
               "body.0.bn2": "body.0.depthwise",
               "body.0.bn3": "body.0.last", "head.bn": "head.conv"}  # fmt: skip
    layers = [
        replace(layer, inputs=tuple(renamed.get(name, name) for name in layer.inputs))
        for layer in layers
    ]
    whole, parts = (
        Session(layers, task, replace(RECIPE, accumulation=n, bn_batches=0), 1, 0, "cpu")
        for n in (1, 4)
    )
    assert whole.run_epoch().train_loss == pytest.approx(parts.run_epoch().train_loss, rel=1e-5)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_average_is_evaluated_with_statistics_of_its_own():
    task = coloured_task()
    run = Session(
        small_layers(task.input, 2), task, replace(RECIPE, ema=0.9, bn_batches=4), 2, 0, "cpu"
    )
    run.run_epoch()
    name = "stem.conv.weight"
    averaged = run.evaluated.get_parameter(name)
    assert not torch.equal(averaged, run.network.get_parameter(name))
    images, _ = next(Feed(task.train, task, torch.device("cpu")).ordered(64))
    with torch.no_grad():
        mean = run.evaluated.get_submodule("stem.conv")(images).mean((0, 2, 3))
    torch.testing.assert_close(
        run.evaluated.get_buffer("stem.bn.running_mean"), mean, rtol=1e-4, atol=1e-5
    )


def test_the_average_is_that_of_the_steps():
    task = coloured_task()
    run = Session(small_layers(task.input, 2), task, replace(RECIPE, ema=0.5), 1, 0, "cpu")
    name = "classifier.weight"
    expected = run.network.get_parameter(name).detach().clone()
    steps = []

    def follow(step, _steps):
        decay = min(0.5, (1 + step) / (10 + step))
        expected.lerp_(run.network.get_parameter(name).detach(), 1 - decay)
        steps.append(step)

    run.run_epoch(follow)
    assert steps == [1, 2, 3, 4]
    torch.testing.assert_close(run.evaluated.get_parameter(name), expected)


def test_rmsprop_learns():
    task = coloured_task()
    recipe = replace(RICH, lr=0.05, ema=0.0)
    run = Session(small_layers(task.input, 2), task, recipe, 5, 0, "cpu")
    losses = [run.run_epoch().train_loss for _ in range(5)]
    assert losses[-1] < 0.7 * losses[0]


def test_top_five_and_confusion_agree_with_the_logits(tmp_path):
    from nas.training.data import load_task

    task = load_task("digits", limit=200)
    session = Session(small_layers(), task, load_recipe("digits"), 1, 0, "cpu")
    session.run_epoch()
    scores = session.scores(task.test)
    with torch.no_grad():
        images = (task.test.images / 255 - task.mean[0]) / task.std[0]
        logits = session.evaluated.eval()(images)
    ranked = logits.argsort(1, descending=True)
    hits = ranked == task.test.labels[:, None]
    found = scores.result()
    assert found["top1_error"] == pytest.approx(1 - hits[:, 0].double().mean().item(), abs=0.01)
    assert found["top5_error"] == pytest.approx(
        1 - hits[:, :5].any(1).double().mean().item(), abs=0.01
    )
    matrix = torch.tensor(scores.details()["confusion"])
    assert matrix.sum().item() == len(task.test)
    assert torch.equal(matrix.sum(1), torch.bincount(task.test.labels, minlength=10))
    assert 1 - matrix.diag().sum().item() / len(task.test) == pytest.approx(found["top1_error"])


# -- replicates ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=6),
    st.lists(st.floats(0, 1), min_size=2, max_size=6),
)
@example([0.0, 0.0], [0.0, 1.5e-153])
def test_the_interval_is_that_of_welch(one, other):
    from scipy.stats import ttest_ind

    found = difference(one, other)
    if math.isclose(found.low, found.high, abs_tol=1e-9):
        return  # no spread at all: scipy gives up
    expected = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert found.low == pytest.approx(expected.low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(expected.high, rel=1e-6, abs=1e-9)
    assert found.noise == (found.low <= 0 <= found.high)


def test_one_run_tells_nothing_of_noise():
    assert difference([0.1], [0.2, 0.3]) is None
    assert Summary.of([0.1]) == Summary(0.1, None, 1)
    assert Summary.of([0.1, 0.3]).deviation == pytest.approx(math.sqrt(0.02))
