"""Epochs that are parts of a pass over the images (`epoch_images` of a recipe)."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.training.loop.batches import EpochSteps
from nas.training.loop.fitting import fitted
from nas.training.loop.recipe import load_recipe, read_recipe
from nas.training.loop.session import Session
from tests.training.nets import RECIPE, coloured_task, small_layers

PLAIN = replace(RECIPE, bn_batches=0)


def trained(epochs: int, epoch_images: int, *, seed: int = 0) -> Session:
    task = coloured_task(64)
    recipe = replace(PLAIN, warmup_epochs=epochs / 4, epoch_images=epoch_images)
    session = Session(small_layers(task.input, task.classes), task, recipe, epochs, seed, "cpu")
    for _ in range(epochs):
        session.run_epoch()
    return session


@pytest.mark.usefixtures("one_thread")
def test_parts_of_passes_train_what_whole_passes_train() -> None:
    """Two passes of four steps as two epochs, four halves, and eight quarters."""
    whole = trained(2, 0).network.state_dict()
    for parts in (2, 4):
        found = trained(2 * parts, 64 // parts).network.state_dict()
        for name, value in whole.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
    assert not torch.equal(trained(2, 0, seed=1).network.state_dict()[name], whole[name])


@pytest.mark.usefixtures("one_thread")
def test_the_pace_counts_the_images_of_an_epoch() -> None:
    task = coloured_task(64)
    layers = small_layers(task.input, task.classes)
    session = Session(layers, task, replace(PLAIN, epoch_images=32), 1, 0, "cpu")
    session.profile()
    profile = session.run_epoch().profile
    assert profile is not None
    assert profile["images"] == 32


@given(
    images=st.integers(1, 400),
    size=st.integers(2, 32),
    epoch_images=st.integers(0, 500),
    epochs=st.integers(1, 12),
)
def test_epochs_follow_one_another_through_the_passes(
    images: int, size: int, epoch_images: int, epochs: int
) -> None:
    steps = EpochSteps.of(images, size, epoch_images)
    assert 1 <= steps.of_epoch <= steps.of_pass
    if not epoch_images or epoch_images >= images:
        assert steps.of_epoch == steps.of_pass
    seen = [steps.in_pass(epoch, at) for epoch in range(epochs) for at in range(steps.of_epoch)]
    assert seen == [at % steps.of_pass for at in range(epochs * steps.of_epoch)]


def test_a_default_recipe_is_fitted_to_the_images_that_the_schedule_shows() -> None:
    recipe = load_recipe("cifar10")
    parts = replace(recipe, epoch_images=50_000)
    short = fitted(parts, 1_000_000, 24)  # 1.2 passes
    assert short.batch_size == fitted(recipe, 50_000, 24).batch_size
    assert not short.augment
    assert short.label_smoothing == 0
    assert fitted(parts, 50_000, 24) == replace(fitted(recipe, 50_000, 24), epoch_images=50_000)
    assert read_recipe(short.text, "x.toml") == short
