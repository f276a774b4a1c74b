"""A training that starts with the weights of another one: named by a trial, found by their hash."""

from pathlib import Path

import pytest

from nas.errors import NasError, WeightsError
from nas.store import open_store
from nas.training import read_recipe
from nas.workflows import TrainRequest, plan_training
from nas.workflows.teachers import start_of
from tests.trained import quick_spec, train_study


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one trained network of the study `earlier`."""
    train_study(tmp_path / "nas.db", tmp_path / "results", quick_spec(name="earlier"))
    return str(tmp_path / "nas.db")


def test_the_recipe_names_the_weights_by_their_hash(database: str, tmp_path: Path) -> None:
    planned = plan_training(TrainRequest(study="earlier", trial=0, start="earlier#0"), database)
    best = plan_training(TrainRequest(study="earlier", trial=0, start="earlier"), database)
    assert planned.recipe == best.recipe
    with open_store(database) as store:
        store.look_in(tmp_path / "results")
        sha256 = store.trials("earlier")[0].weights_sha256
        assert read_recipe(planned.recipe, "it").start == (sha256,)
        found = start_of(store, planned.recipe)
        assert (found.name, found.sha256) == ("earlier#0", sha256)
        Path(found.file).write_bytes(b"others")
        with pytest.raises(WeightsError, match="have changed"):
            start_of(store, planned.recipe)


def test_what_has_no_weights_is_refused(database: str) -> None:
    with pytest.raises(NasError, match="trial 7"):
        plan_training(TrainRequest(study="earlier", start="earlier#7"), database)
    with pytest.raises(NasError, match="nothing"):
        plan_training(TrainRequest(study="earlier", start="nothing"), database)
