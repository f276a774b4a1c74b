"""Recipes: as data, read and written, and their schedule."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import TaskError
from nas.train.recipe import Recipe, builtin_recipes, load_recipe, read_recipe
from tests.train.nets import RECIPE

recipes = st.builds(
    Recipe,
    epochs=st.integers(1, 500),
    batch_size=st.integers(2, 4096),
    lr=st.floats(1e-4, 2),
    warmup_epochs=st.floats(0, 20),
    schedule=st.sampled_from(["cosine", "triangular"]),
    momentum=st.floats(0, 0.99),
    weight_decay=st.floats(0, 0.01),
    label_smoothing=st.floats(0, 0.5),
    bn_momentum=st.floats(0.01, 1),
    bn_batches=st.integers(0, 20),
    augment=st.booleans(),
)


@given(recipes)
def test_text_round_trip(recipe):
    assert read_recipe(recipe.text, "x.toml") == recipe


@given(recipes, st.integers(1, 100), st.floats(0, 1))
def test_rate_stays_between_zero_and_the_peak(recipe, max_epochs, share):
    rate = recipe.lr_at(share * max_epochs, max_epochs)
    assert 0 <= rate <= recipe.lr * (1 + 1e-9)
    assert recipe.lr_at(max_epochs, max_epochs) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("schedule", "middle"), [("cosine", 0.5), ("triangular", 0.5)])
def test_schedule(schedule, middle):
    recipe = replace(RECIPE, lr=1.0, warmup_epochs=2.0, schedule=schedule)
    assert recipe.lr_at(1, 10) == pytest.approx(0.5)
    assert recipe.lr_at(2, 10) == pytest.approx(1.0)
    assert recipe.lr_at(6, 10) == pytest.approx(middle)
    assert recipe.lr_at(0.5, 1) == pytest.approx(1.0)  # a warm-up longer than the schedule


def test_builtin_recipes_can_be_read():
    assert builtin_recipes() == ["cifar10", "digits"]
    for name in builtin_recipes():
        assert load_recipe(name).epochs >= 1


def test_from_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(RECIPE.text)
    assert load_recipe(str(file)) == RECIPE


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("learning_rate = 0.1", "unknown field 'learning_rate'.*Use epochs, batch_size, lr"),
        ("lr = ", "not valid TOML.*line"),
        ("lr = 0", "lr = 0.*a number from"),
        ("lr = nan", "lr = nan"),
        ('lr = "0.1"', "lr = '0.1'"),
        ("batch_size = 1", "batch_size = 1.*an integer from 2"),
        ("batch_size = 32.5", "an integer"),
        ("epochs = true", "an integer"),
        ('schedule = "step"', "one of cosine, triangular"),
        ("schedule = []", "one of cosine"),
        ("augment = 1", "true or false"),
    ],
)
def test_bad_values(tmp_path, line, match):
    key = line.split(" ")[0]
    kept = [text for text in RECIPE.text.splitlines() if not text.startswith(f"{key} ")]
    file = tmp_path / "bad.toml"
    file.write_text("\n".join([*kept, line]))
    with pytest.raises(TaskError, match=match):
        load_recipe(str(file))


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe)])
def test_a_missing_field_is_named(field):
    kept = [text for text in RECIPE.text.splitlines() if not text.startswith(f"{field} ")]
    with pytest.raises(TaskError, match=f"{field} is missing"):
        read_recipe("\n".join(kept), "x.toml")


def test_unknown_recipe(tmp_path):
    with pytest.raises(TaskError, match=r"no recipe 'fast'.*cifar10, digits"):
        load_recipe("fast")
    with pytest.raises(TaskError, match="no recipe"):
        load_recipe(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TaskError, match="cannot be read"):
        load_recipe(str(tmp_path / "binary.toml"))
