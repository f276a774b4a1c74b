"""Recipes: as data, read and written, and their schedule."""

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import TaskError
from nas.study import TASKS
from nas.training.loop.recipe import (
    Recipe,
    builtin_recipes,
    load_recipe,
    override,
    read_recipe,
    recipe_name,
)
from tests.messages import carrying
from tests.training.nets import RECIPE

recipes = st.builds(
    Recipe,
    epochs=st.integers(1, 500),
    batch_size=st.integers(2, 4096),
    lr=st.floats(1e-4, 2),
    warmup_epochs=st.floats(0, 20),
    schedule=st.sampled_from(["cosine", "triangular", "step", "exponential"]),
    momentum=st.floats(0, 0.99),
    weight_decay=st.floats(0, 0.01),
    label_smoothing=st.floats(0, 0.5),
    bn_momentum=st.floats(0.01, 1),
    bn_batches=st.integers(0, 20),
    augment=st.booleans(),
    optimiser=st.sampled_from(["sgd", "rmsprop"]),
    nesterov=st.booleans(),
    milestones=st.sets(st.integers(1, 500), min_size=1).map(lambda found: tuple(sorted(found))),
    lr_factor=st.floats(0.01, 1),
    ema=st.floats(0, 0.999),
    crop=st.sampled_from(["area", "scale"]),
    jitter_hue=st.floats(0, 180),
)


@given(recipes)
def test_text_round_trip(recipe: Recipe) -> None:
    assert read_recipe(recipe.text, "x.toml") == recipe


@given(recipes, st.integers(1, 100), st.floats(0, 1))
def test_rate_stays_between_zero_and_the_peak(
    recipe: Recipe, max_epochs: int, share: float
) -> None:
    rate = recipe.lr_at(share * max_epochs, max_epochs)
    assert 0 <= rate <= recipe.lr * (1 + 1e-9)
    if recipe.schedule in ("cosine", "triangular"):
        assert recipe.lr_at(max_epochs, max_epochs) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("schedule", "middle"), [("cosine", 0.5), ("triangular", 0.5)])
def test_schedule(schedule: Any, middle: float) -> None:
    recipe = replace(RECIPE, lr=1.0, warmup_epochs=2.0, schedule=schedule)
    assert recipe.lr_at(1, 10) == pytest.approx(0.5)
    assert recipe.lr_at(2, 10) == pytest.approx(1.0)
    assert recipe.lr_at(6, 10) == pytest.approx(middle)
    assert recipe.lr_at(0.5, 1) == pytest.approx(1.0)  # a warm-up longer than the schedule


def test_builtin_recipes_can_be_read() -> None:
    assert set(builtin_recipes()) == {
        *(TASKS.load(name).recipe for name in TASKS.names()),
        "igcv3-cifar", "igcv3-imagenet", "mobilenetv2", "short",
    }  # fmt: skip
    for name in builtin_recipes():
        recipe = load_recipe(name)
        assert recipe.epochs >= 1
        assert read_recipe(recipe.text, "x.toml") == recipe


def test_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RECIPE.text)
    assert load_recipe(str(file)) == RECIPE


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("learning_rate = 0.1", "'learning_rate' … epochs, batch_size, lr"),
        ("lr = ", "TOML … line"),
        ("lr = 0", "lr = 0"),
        ("lr = nan", "lr = nan"),
        ('lr = "0.1"', "lr = '0.1'"),
        ("batch_size = 1", "batch_size = 1 … 2"),
        ("batch_size = 32.5", "batch_size = 32.5 … integer"),
        ("epochs = true", "epochs = True … integer"),
        ('schedule = "step"', "schedule … step … milestones"),
        ('schedule = "steps"', "cosine, triangular, step"),
        ("milestones = [3, 2]", "milestones = (3, 2)"),
        ("milestones = 3", "milestones = 3"),
        ("ema = 1", "ema = 1 … 0"),
        ("accumulation = 9", "accumulation"),
        ('optimiser = "adam"', "sgd, rmsprop"),
        ("schedule = []", "cosine"),
        ("augment = 1", "augment = 1"),
    ],
)
def test_bad_values(tmp_path: Path, line: str, match: str) -> None:
    key = line.split(" ")[0]
    kept = [text for text in RECIPE.text.splitlines() if not text.startswith(f"{key} ")]
    file = tmp_path / "bad.toml"
    file.write_text("\n".join([*kept, line]))
    with pytest.raises(TaskError, match=carrying(match)):
        load_recipe(str(file))


@pytest.mark.parametrize(
    "field", [field.name for field in fields(Recipe) if field.default is MISSING]
)
def test_a_missing_field_is_named(field: Any) -> None:
    kept = [text for text in RECIPE.text.splitlines() if not text.startswith(f"{field} ")]
    with pytest.raises(TaskError, match=carrying(field)):
        read_recipe("\n".join(kept), "x.toml")


def test_unknown_recipe(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=carrying("'fast' … cifar10, cifar100, digits")):
        load_recipe("fast")
    with pytest.raises(TaskError, match=carrying("none.toml")):
        load_recipe(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\x00")
    with pytest.raises(TaskError, match=carrying("binary.toml")):
        load_recipe(str(tmp_path / "binary.toml"))


# -- the papers' schedules, and settings from outside ----------------------------------------------


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 0.1), (200, 0.1), (201, 0.01), (300, 0.01), (301, 1e-3), (400, 1e-4)]
)
def test_the_steps_of_igcv3_on_cifar(epoch: int, rate: float) -> None:
    recipe = load_recipe("igcv3-cifar")
    assert (recipe.epochs, recipe.batch_size, recipe.weight_decay) == (400, 64, 1e-4)
    assert not recipe.nesterov
    for share in (0.01, 0.5, 1.0):  # within the epoch, its last step included
        assert recipe.lr_at(epoch - 1 + share, 400) == pytest.approx(rate)
    assert recipe.lr_at(0.05 * epoch, 20) == pytest.approx(rate)  # stretched to 20 epochs


@pytest.mark.parametrize("name", ["igcv3-imagenet", "mobilenetv2"])
def test_the_exponential_schedules_of_the_papers(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.lr, recipe.lr_factor, recipe.weight_decay) == (0.045, 0.98, 4e-5)
    assert recipe.batch_size == 96
    for epoch in (0, 1, 57):
        rate = pytest.approx(0.045 * 0.98**epoch)
        assert recipe.lr_at(epoch + 0.5, recipe.epochs) == rate
        assert recipe.lr_at(epoch + 1, recipe.epochs) == rate


def test_settings_replace_fields() -> None:
    changed = override(RECIPE, ["lr=0.3", "schedule=step", "milestones=[1, 2]", "nesterov = false"])
    assert changed == replace(
        RECIPE, lr=0.3, schedule="step", milestones=(1, 2), nesterov=False
    )  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "match"),
    [("lr", "'lr'"), ("=3", "'=3'"), ("rate=1", "'rate'"),
     ("lr=fast", "lr = 'fast'"), ("lr=0", "lr = 0"), ("epochs=2.5", "epochs = 2.5 … integer")],
)  # fmt: skip
def test_bad_settings(setting: str, match: str) -> None:
    with pytest.raises(TaskError, match=carrying(match)):
        override(RECIPE, [setting])


def test_the_recipe_of_the_paper_is_that_of_the_task() -> None:
    assert recipe_name("paper", "cifar100") == "igcv3-cifar"
    assert recipe_name("paper", "imagenet") == "igcv3-imagenet"
    assert recipe_name("short", "digits") == "short"
    with pytest.raises(TaskError, match=carrying("digits")):
        recipe_name("paper", "digits")
