"""Default recipes: the settings that follow from the number of images and epochs."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import TaskError
from nas.training.loop.batches import steps_of_pass
from nas.training.loop.fitting import fitted
from nas.training.loop.recipe import FITTED, load_recipe, override, read_recipe
from tests.messages import carrying

FITTING = ["cifar10", "cifar100", "digits", "folder", "short"]
images = st.integers(10, 2_000_000)
epochs = st.integers(1, 400)


@pytest.mark.parametrize("name", ["imagenet", "igcv3-cifar", "igcv3-imagenet", "mobilenetv2"])
@given(images=images, epochs=epochs)
def test_a_recipe_from_the_literature_stays(name: str, images: int, epochs: int) -> None:
    recipe = load_recipe(name)
    assert fitted(recipe, images, epochs) == recipe


@pytest.mark.parametrize("name", FITTING)
@given(images=images, epochs=epochs)
def test_a_fitted_recipe_is_valid_and_final(name: str, images: int, epochs: int) -> None:
    recipe = fitted(load_recipe(name), images, epochs)
    assert read_recipe(recipe.text, "x.toml") == recipe
    assert fitted(recipe, images, epochs) == recipe
    assert recipe.warmup_epochs <= 0.1 * epochs + 1e-3
    assert 0 < recipe.lr <= 0.5


@given(images=images, epochs=epochs, more=st.integers(1, 20))
def test_a_longer_schedule_has_no_smaller_batches(images: int, epochs: int, more: int) -> None:
    recipe = load_recipe("cifar10")
    short, long = fitted(recipe, images, epochs), fitted(recipe, images, epochs * more)
    assert short.batch_size <= long.batch_size
    assert short.augment <= long.augment
    ratio = math.sqrt(long.batch_size / short.batch_size)
    assert long.lr / short.lr == pytest.approx(ratio, rel=0.01)


@given(images=images, epochs=epochs)
def test_fitting_again_for_another_schedule_forgets_the_first(images: int, epochs: int) -> None:
    recipe = load_recipe("cifar10")
    once = fitted(recipe, 2_000, 4)
    assert fitted(once, images, epochs) == fitted(recipe, images, epochs)


@pytest.mark.parametrize(
    ("name", "number"), [("cifar10", 45_000), ("cifar100", 45_000), ("digits", 1_079)]
)
def test_a_file_has_the_values_of_its_own_schedule(name: str, number: int) -> None:
    recipe = load_recipe(name)
    assert fitted(recipe, number, recipe.epochs) == recipe


def test_short_and_long() -> None:
    short, long = (fitted(load_recipe("cifar10"), *of) for of in ((5_000, 4), (45_000, 200)))
    assert (short.batch_size, short.lr, short.augment, short.label_smoothing) == (32, 0.1, False, 0)
    assert short.warmup_epochs == 0.4
    assert (long.batch_size, long.lr, long.augment, long.label_smoothing) == (128, 0.2, True, 0.1)
    assert long.warmup_epochs * steps_of_pass(45_000, 128) == pytest.approx(800, rel=0.01)


def test_a_setting_of_the_user_is_kept_and_the_rate_follows_the_batch() -> None:
    recipe = fitted(override(load_recipe("cifar10"), ["batch_size=64"]), 5_000, 4)
    other = fitted(load_recipe("cifar10"), 5_000, 4)
    assert recipe.batch_size == 64 != other.batch_size
    assert recipe.lr > other.lr
    assert recipe.bn_batches * 64 == other.bn_batches * other.batch_size
    assert "batch_size" not in recipe.by_schedule
    recipe = fitted(override(load_recipe("cifar10"), ["lr=0.3", "augment=true"]), 5_000, 4)
    assert (recipe.lr, recipe.augment, recipe.batch_size) == (0.3, True, other.batch_size)


def test_a_batch_in_parts_has_two_images_a_part() -> None:
    recipe = fitted(override(load_recipe("cifar10"), ["accumulation=32"]), 100, 2)
    assert recipe.batch_size == 64
    assert read_recipe(recipe.text, "x.toml") == recipe


def test_nothing_is_fitted_where_nothing_is_named() -> None:
    recipe = replace(load_recipe("cifar10"), by_schedule=())
    assert fitted(recipe, 100, 1) == recipe
    assert "by_schedule" not in recipe.text


@pytest.mark.parametrize("value", ['"lr"', '["rate"]', '["lr", "lr"]', "[1]", "true"])
def test_only_fields_that_can_be_fitted_are_named(value: str) -> None:
    text = replace(load_recipe("cifar10"), by_schedule=()).text + f"by_schedule = {value}\n"
    with pytest.raises(TaskError, match=carrying(f"by_schedule … {FITTED[0]}")):
        read_recipe(text, "mine.toml")
