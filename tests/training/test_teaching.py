"""Teaching: the loss of a taught network, its teachers at their own images, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import NasError, TaskError, WeightsError
from nas.space.layers import Shape
from nas.storage import FolderStorage
from nas.study import Teacher
from nas.training.data import Task
from nas.training.loop.checkpoint import restore_checkpoint, save_checkpoint
from nas.training.loop.epoch import EpochResult
from nas.training.loop.recipe import Recipe, override, read_recipe
from nas.training.loop.session import Session
from nas.training.loop.teaching import Teaching
from nas.training.network.module import build
from nas.training.network.weights_file import save_weights
from tests.messages import carrying
from tests.training.nets import RECIPE, coloured_task, in_memory, small_layers

pytestmark = pytest.mark.usefixtures("one_thread", "cpu_mode")
CPU = torch.device("cpu")
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


def teacher(
    folder: Path, seed: int, task: Task, side: int = 8, classes: int = 2, channels: int = 3
) -> Teacher:
    """Save an untrained network as a teacher of `task`."""
    layers = small_layers(Shape(channels, side, side), classes)
    path = folder / f"{seed}-{side}.safetensors"
    digest = save_weights(build(layers, torch.Generator().manual_seed(seed)), path)
    return Teacher(f"s#{seed}", str(path), digest, tuple(layers), task.mean, task.std)


def taught_recipe(teachers: Sequence[Teacher], **changes: Any) -> Recipe:
    return replace(RECIPE, teacher=tuple(each.sha256 for each in teachers), **changes)


def student(recipe: Recipe, teachers: Sequence[Teacher], seed: int = 0) -> Session:
    task = coloured_task()
    run = Session(small_layers(task.input, 2), task, recipe, 3, seed, "cpu")
    weight, temperature = recipe.teacher_weight, recipe.teacher_temperature
    run.learn_from(Teaching(teachers, task, weight, temperature, CPU))
    return run


def figures(result: EpochResult) -> tuple[object, ...]:
    return dict(result.metrics), result.train_loss


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 99), st.floats(0.05, 1.0), st.floats(0.5, 8.0))
def test_the_loss_is_that_of_hinton_2015(seed: int, weight: float, temperature: float) -> None:
    """Against the definition, term by term; equal outputs leave the share of the labels."""
    random = torch.Generator().manual_seed(seed)
    outputs, taught = torch.randn(2, 6, 5, generator=random)
    labels = torch.arange(6) % 5
    hard = F.cross_entropy(outputs, labels)
    teaching = Teaching((), coloured_task(), weight, temperature, CPU)
    wanted = F.softmax(taught / temperature, dim=1)
    own = F.softmax(outputs / temperature, dim=1)
    divergence = (wanted * (wanted / own).log()).sum(1).mean()
    expected = (1 - weight) * hard + weight * temperature**2 * divergence
    torch.testing.assert_close(teaching.loss(hard, outputs, wanted), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        teaching.loss(hard, outputs, own), (1 - weight) * hard, rtol=1e-4, atol=1e-5
    )


def test_probabilities_are_the_mean_over_teachers_in_eval_mode_without_a_gradient(
    tmp_path: Path,
) -> None:
    task = coloured_task()
    teachers = [teacher(tmp_path, seed, task) for seed in (1, 2)]
    images = torch.randn(4, 3, 8, 8, requires_grad=True)
    found = Teaching(teachers, task, 0.5, 2.0, CPU).probabilities(images)
    each = []
    for seed in (1, 2):
        network = build(small_layers(Shape(3, 8, 8), 2), torch.Generator().manual_seed(seed)).eval()
        each.append(F.softmax(network(images.detach()) / 2.0, dim=1))
    torch.testing.assert_close(found, (each[0] + each[1]) / 2, rtol=1e-4, atol=1e-5)
    assert not found.requires_grad
    torch.testing.assert_close(found.sum(1), torch.ones(4))


def test_a_teacher_of_another_size_and_scale_sees_the_batch_as_it_was_trained(
    tmp_path: Path,
) -> None:
    """Pixels reach it in its own normalisation, at its own size."""
    task = coloured_task()
    other = replace(task, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    large = teacher(tmp_path, 3, other, side=16)
    pixels = torch.rand(4, 3, 8, 8)

    def scaled(images: torch.Tensor, of: Task) -> torch.Tensor:
        mean, std = (torch.tensor(values)[:, None, None] for values in (of.mean, of.std))
        return (images - mean) / std

    found = Teaching([large], task, 0.5, 1.0, CPU).probabilities(scaled(pixels, task))
    network = build(small_layers(Shape(3, 16, 16), 2), torch.Generator().manual_seed(3)).eval()
    shown = F.interpolate(scaled(pixels, other), (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, F.softmax(network(shown), dim=1), rtol=1e-3, atol=1e-4)


def test_a_student_without_labels_comes_to_answer_like_its_teacher(tmp_path: Path) -> None:
    """With the whole weight on the teacher its answers, right or wrong, are learned."""
    task = coloured_task()
    layers = small_layers(task.input, 2)
    path = tmp_path / "contrary.safetensors"
    contrary = Session(layers, _swapped(task), replace(RECIPE, lr=0.2), 3, 1, "cpu")
    for _ in range(3):
        contrary.run_epoch()
    assert contrary.scores(task.test).result()["top1_error"] > 0.9  # it learned swapped classes
    digest = contrary.save_weights(path)
    teachers = [Teacher("s#1", str(path), digest, tuple(layers), task.mean, task.std)]
    run = student(taught_recipe(teachers, teacher_weight=1.0, lr=0.2), teachers)
    for _ in range(3):
        run.run_epoch()
    assert run.test()["top1_error"] > 0.9


def _swapped(task: Task) -> Task:
    train = in_memory(task.train)
    train = replace(train, labels=1 - train.labels)
    return replace(task, train=train)


def test_a_taught_training_goes_on_from_its_checkpoint_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    teachers = [teacher(tmp_path, seed, coloured_task()) for seed in (1, 2)]
    recipe = taught_recipe(teachers)
    whole = student(recipe, teachers)
    curve = [figures(whole.run_epoch()) for _ in range(3)]
    first = student(recipe, teachers)
    done = [first.run_epoch()]
    save_checkpoint(first, FolderStorage(tmp_path), done)
    again = student(recipe, teachers)
    restore_checkpoint(again, FolderStorage(tmp_path))
    assert [figures(again.run_epoch()) for _ in range(2)] == curve[1:]


def test_parts_of_a_batch_are_taught_like_the_whole(tmp_path: Path) -> None:
    """Without batch norms, whose statistics are those of a part."""
    teachers = [teacher(tmp_path, 1, coloured_task())]
    losses = []
    for parts in (1, 4):
        recipe = taught_recipe(teachers, accumulation=parts, bn_batches=0)
        task = coloured_task()
        layers = small_layers(task.input, 2, norms=False)
        run = Session(layers, task, recipe, 1, 0, "cpu")
        run.learn_from(Teaching(teachers, task, 0.9, 4.0, CPU))
        losses.append(run.run_epoch().train_loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_recipe_with_teachers_never_trains_from_scratch(tmp_path: Path) -> None:
    task = coloured_task()
    recipe = taught_recipe([teacher(tmp_path, 1, task)])
    run = Session(small_layers(task.input, 2), task, recipe, 1, 0, "cpu")
    with pytest.raises(ValueError, match="teachers"):
        run.run_epoch()


def test_changed_missing_or_foreign_teachers_are_refused(tmp_path: Path) -> None:
    task = coloured_task()
    good = teacher(tmp_path, 1, task)
    changed = replace(good, sha256="0" * 64)
    gone = replace(good, file=str(tmp_path / "gone.safetensors"))
    wrong: list[tuple[Teacher, type[NasError], str]] = [
        (changed, WeightsError, "changed"),
        (gone, WeightsError, "gone.safetensors"),
        (teacher(tmp_path, 2, task, classes=7), TaskError, "7 outputs"),
        (teacher(tmp_path, 3, task, channels=1), TaskError, "1 input channels"),
    ]
    for bad, error, said in wrong:
        with pytest.raises(error, match=carrying(said)):
            Teaching([good, bad], task, 0.5, 4.0, CPU)


@given(st.lists(HASHES, unique=True, max_size=5), st.floats(0.01, 1), st.floats(0.1, 20))
def test_a_recipe_with_teachers_reads_back(
    hashes: list[str], weight: float, temperature: float
) -> None:
    recipe = replace(RECIPE, teacher=tuple(hashes))
    if hashes:
        recipe = replace(recipe, teacher_weight=weight, teacher_temperature=temperature)
    assert read_recipe(recipe.text, "x.toml") == recipe


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("teacher_weight=0.5", "no effect without teachers"),
        ("teacher_temperature=2", "no effect without teachers"),
        ('teacher=["abc"]', "SHA-256"),
        (f'teacher=["{"a" * 64}", "{"a" * 64}"]', "each once"),
        ("teacher=study", "SHA-256"),
    ],
)
def test_settings_of_teachers_that_cannot_be_used(setting: str, said: str) -> None:
    with pytest.raises(TaskError, match=carrying(said)):
        override(RECIPE, [setting])


@pytest.mark.parametrize(
    "setting", ["teacher_weight=0", "teacher_weight=2", "teacher_temperature=0"]
)
def test_weights_and_temperatures_out_of_range(setting: str) -> None:
    with pytest.raises(TaskError, match=carrying(setting.partition("=")[0])):
        override(replace(RECIPE, teacher=("a" * 64,)), [setting])
