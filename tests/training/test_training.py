"""A training to its end: exact resume, averaged weights, accumulation, replicates compared."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.errors import TaskError
from nas.stats.means import Summary, difference
from nas.storage import FolderStorage
from nas.training.data import load_task
from nas.training.loop.checkpoint import restore_checkpoint, save_checkpoint
from nas.training.loop.epoch import EpochResult
from nas.training.loop.memory_batches import Feed
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from tests.training.nets import RECIPE, coloured_task, in_memory, small_layers

pytestmark = pytest.mark.usefixtures("one_thread")

RICH = replace(RECIPE, ema=0.9, optimiser="rmsprop", lr=0.01, rmsprop_epsilon=1.0)


def a_session(epochs: int = 4, recipe: Recipe = RECIPE, images: int = 64) -> Session:
    task = coloured_task(images)
    return Session(small_layers(task.input, task.classes), task, recipe, epochs, 0, "cpu")


def figures(history: Sequence[EpochResult]) -> list[tuple[float, ...]]:
    return [(row.epoch, *row.metrics.values(), row.train_loss, row.lr) for row in history]


@pytest.mark.parametrize("recipe", [RECIPE, RICH, replace(RECIPE, accumulation=2)])
def test_restored_sessions_are_exactly_those_that_went_through(
    tmp_path: Path, recipe: Recipe
) -> None:
    whole, part = a_session(recipe=recipe), a_session(recipe=recipe)
    expected = [whole.run_epoch() for _ in range(4)]
    history = [part.run_epoch(), part.run_epoch()]
    save_checkpoint(part, FolderStorage(tmp_path / "trial"), history)
    restored = a_session(recipe=recipe)
    history = restore_checkpoint(restored, FolderStorage(tmp_path / "trial"))
    assert restored.epoch == 2
    history += [restored.run_epoch(), restored.run_epoch()]
    assert figures(history) == figures(expected)
    ours, theirs = restored.evaluated.state_dict(), whole.evaluated.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    ("recipe", "images"),
    [
        pytest.param(RECIPE, 32, marks=pytest.mark.slow),
        (replace(RICH, accumulation=2), 32),
        (replace(RECIPE, epoch_images=32), 48),  # the second epoch ends in the second pass
    ],
)
def test_an_epoch_that_was_interrupted_anywhere_continues_exactly(
    tmp_path: Path, recipe: Recipe, images: int
) -> None:
    """Interrupted after each step and each batch of a validation, all of them in turn."""
    expected, ran = (
        figures([(whole := a_session(2, recipe, images)).run_epoch(), whole.run_epoch()]),
        True,
    )
    at = 0
    while ran:
        ran, at = False, at + 1
        part, history, calls = (
            a_session(2, recipe, images),
            list[EpochResult](),
            iter(range(at, 0, -1)),
        )

        def interrupt(calls: Iterator[int] = calls) -> None:
            if next(calls, 0) == 1:
                raise InterruptedError

        part.between = interrupt
        try:
            while part.epoch < 2:
                history.append(part.run_epoch())
        except InterruptedError:
            ran = True
            save_checkpoint(part, FolderStorage(tmp_path / str(at)), history)
            part = a_session(2, recipe, images)
            history = restore_checkpoint(part, FolderStorage(tmp_path / str(at)))
            while part.epoch < 2:
                history.append(part.run_epoch())
        assert figures(history) == expected
        ours, theirs = part.evaluated.state_dict(), whole.evaluated.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert at > 2 * 2


def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path: Path) -> None:
    session, history = a_session(), []
    for _ in range(3):
        history.append(session.run_epoch())
        save_checkpoint(session, FolderStorage(tmp_path), history)
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.json",
        "state-00003.safetensors",
    }


def test_broken_checkpoints_are_refused(tmp_path: Path) -> None:
    session = a_session()
    save_checkpoint(session, FolderStorage(tmp_path), [session.run_epoch()])
    (state,) = tmp_path.glob("state-*")
    content = state.read_bytes()
    state.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    document = tmp_path / "checkpoint.json"
    breaks: list[Callable[[], object]] = [
        lambda: None,
        state.unlink,
        lambda: document.write_text("{"),
    ]
    for broken in breaks:
        broken()
        with pytest.raises(TaskError, match="cannot be used") as caught:
            restore_checkpoint(a_session(), FolderStorage(tmp_path))
        assert str(tmp_path) in caught.value.remedy


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    session = a_session()
    save_checkpoint(session, FolderStorage(tmp_path), [session.run_epoch()])
    other = Session(small_layers(), load_task("digits", limit=100), RECIPE, 4, 0, "cpu")
    with pytest.raises(TaskError, match="cannot be used"):
        restore_checkpoint(other, FolderStorage(tmp_path))


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    session = a_session()
    with pytest.raises(TaskError, match="cannot be written"):
        save_checkpoint(session, FolderStorage(tmp_path / "file" / "below"), [session.run_epoch()])


def test_accumulation_takes_the_step_of_the_whole_batch() -> None:
    """Batch norms see their part only; without them the gradients are the same."""
    task = coloured_task()
    layers = small_layers(task.input, 2, norms=False)
    whole, parts = (
        Session(layers, task, replace(RECIPE, accumulation=n, bn_batches=0), 1, 0, "cpu")
        for n in (1, 4)
    )
    assert whole.run_epoch().train_loss == pytest.approx(parts.run_epoch().train_loss, rel=1e-5)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_average_is_evaluated_with_statistics_of_its_own() -> None:
    task = coloured_task()
    run = Session(
        small_layers(task.input, 2), task, replace(RECIPE, ema=0.9, bn_batches=4), 2, 0, "cpu"
    )
    run.run_epoch()
    name = "stem.conv.weight"
    averaged = run.evaluated.get_parameter(name)
    assert not torch.equal(averaged, run.network.get_parameter(name))
    images, _ = next(Feed(in_memory(task.train), task, torch.device("cpu")).ordered(64))
    with torch.no_grad():
        mean = run.evaluated.get_submodule("stem.conv")(images).mean((0, 2, 3))
    torch.testing.assert_close(
        run.evaluated.get_buffer("stem.bn.running_mean"), mean, rtol=1e-4, atol=1e-5
    )


def test_the_average_is_that_of_the_steps() -> None:
    task = coloured_task()
    run = Session(small_layers(task.input, 2), task, replace(RECIPE, ema=0.5), 1, 0, "cpu")
    name = "classifier.weight"
    expected = run.network.get_parameter(name).detach().clone()
    steps: list[int] = []

    def follow(step: int, _steps: int) -> None:
        decay = min(0.5, (1 + step) / (10 + step))
        expected.lerp_(run.network.get_parameter(name).detach(), 1 - decay)
        steps.append(step)

    run.run_epoch(follow)
    assert steps == [1, 2, 3, 4]
    torch.testing.assert_close(run.evaluated.get_parameter(name), expected)


def test_rmsprop_learns() -> None:
    task = coloured_task()
    recipe = replace(RICH, lr=0.05, ema=0.0)
    run = Session(small_layers(task.input, 2), task, recipe, 5, 0, "cpu")
    losses = [run.run_epoch().train_loss for _ in range(5)]
    assert losses[-1] < 0.7 * losses[0]


def test_top_five_and_confusion_agree_with_the_logits() -> None:
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
def test_the_interval_is_that_of_welch(one: list[float], other: list[float]) -> None:
    from scipy.stats import ttest_ind

    found = difference(one, other)
    if math.isclose(found.low, found.high, abs_tol=1e-9):
        return  # no spread at all: scipy gives up
    expected = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert found.low == pytest.approx(expected.low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(expected.high, rel=1e-6, abs=1e-9)
    assert found.noise == (found.low <= 0 <= found.high)


def test_one_run_tells_nothing_of_noise() -> None:
    assert difference([0.1], [0.2, 0.3]) is None
    assert Summary.of([0.1]) == Summary(0.1, None, 1)
    assert Summary.of([0.1, 0.3]).deviation == pytest.approx(math.sqrt(0.02))
