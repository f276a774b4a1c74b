"""A new study fits its default recipe to its images and epochs; a stored one keeps its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.study import StudySpec
from nas.training.loop.recipe import Recipe, override, read_recipe
from nas.workflows.plan import plan_study
from nas.workflows.preflight_checks import Preflight, preflight
from nas.workflows.requests import RunRequest, SearchRequest


def ready(tmp_path: Path, **settings: Any) -> Preflight:
    """Return the preflight of a new search on the digits."""
    request = SearchRequest(
        space="shufflenetv1", budgets=("5M-flops",), input="3x32x32", task="digits", **settings
    )
    return preflight(plan_study(request), RunRequest(results_dir=tmp_path))


def recipe_of(spec: StudySpec) -> Recipe:
    return read_recipe(spec.recipe, "the study's recipe")


@pytest.mark.parametrize(("epochs", "augmented"), [(4, False), (40, True)])
def test_the_values_of_a_new_study_follow_its_schedule(
    tmp_path: Path, epochs: int, augmented: bool
) -> None:
    spec = ready(tmp_path, epochs=epochs).new_spec
    recipe = recipe_of(spec)
    assert (recipe.augment, recipe.label_smoothing > 0) == (augmented, augmented)
    assert recipe.warmup_epochs == pytest.approx(0.1 * epochs)
    assert spec.recipe.startswith("# digits\n")
    assert recipe.zero_residuals


def test_a_stored_study_keeps_its_values(tmp_path: Path) -> None:
    spec = ready(tmp_path, epochs=4).new_spec
    other = override(recipe_of(spec), ["by_schedule=[]"])
    kept = replace(other, lr=0.3, by_schedule=recipe_of(spec).by_schedule).text
    stored = replace(spec, recipe=kept)
    assert preflight(stored, RunRequest(results_dir=tmp_path)).spec.recipe == kept
    longer = replace(stored, rungs=(40,), data=None)  # a training of one of its networks
    assert recipe_of(preflight(longer, RunRequest(results_dir=tmp_path)).new_spec).augment


def test_a_recipe_of_the_user_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = override(recipe_of(ready(tmp_path).new_spec), ["by_schedule=[]", "lr=0.3"]).text
    file.write_text(text)
    assert ready(tmp_path, recipe=str(file), epochs=40).new_spec.recipe == f"# {file}\n{text}"


def test_the_number_of_classes_is_stored_with_the_images(tmp_path: Path) -> None:
    spec = ready(tmp_path).new_spec
    assert spec.data is not None
    assert spec.data.classes == 10


def test_the_training_that_confirms_is_fitted_to_its_own_epochs(tmp_path: Path) -> None:
    spec = ready(tmp_path, epochs=4, confirm_recipe="short").new_spec
    assert spec.real is not None
    real = read_recipe(spec.real.recipe, "the real recipe")
    assert spec.real.epochs == real.epochs == 30
    assert (real.augment, recipe_of(spec).augment) == (True, False)
    assert real.batch_size == 32
