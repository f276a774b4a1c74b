"""A training that starts with the weights of another one: named by a trial, found by their hash."""

from pathlib import Path

import pytest
import torch
from torchvision.models import mobilenet_v2

from nas.errors import NasError, WeightsError
from nas.space import load_space
from nas.storage import FolderStorage
from nas.store import open_store
from nas.training import read_recipe
from nas.workflows import TrainRequest
from nas.workflows.teachers import start_of
from nas.workflows.train_run import plan_training
from nas.workflows.trained_weights import content_hash, is_start_file, keep_start, start_content
from tests.trained import quick_spec, train_study


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one trained network of the study `earlier`."""
    train_study(tmp_path / "nas.db", tmp_path / "results", quick_spec(name="earlier"))
    return str(tmp_path / "nas.db")


def test_the_recipe_names_the_weights_by_their_hash(database: str, tmp_path: Path) -> None:
    planned, _ = plan_training(TrainRequest(study="earlier", trial=0, start="earlier#0"), database)
    best, _ = plan_training(TrainRequest(study="earlier", trial=0, start="earlier"), database)
    assert planned.recipe == best.recipe
    with open_store(database) as store:
        store.look_in(tmp_path / "results")
        sha256 = store.trials("earlier")[0].weights_sha256
        assert read_recipe(planned.recipe, "it").start == (sha256,)
        found = start_of(store, planned.recipe, FolderStorage(tmp_path / "results"))
        assert (found.name, found.sha256) == ("earlier#0", sha256)
        Path(found.file).write_bytes(b"others")
        with pytest.raises(WeightsError, match="have changed"):
            start_of(store, planned.recipe, FolderStorage(tmp_path / "results"))


def test_what_has_no_weights_is_refused(database: str) -> None:
    with pytest.raises(NasError, match="trial 7"):
        plan_training(TrainRequest(study="earlier", start="earlier#7"), database)
    with pytest.raises(NasError, match="nothing"):
        plan_training(TrainRequest(study="earlier", start="nothing"), database)


def test_a_file_of_weights_is_kept_under_its_hash(tmp_path: Path) -> None:
    file, results = tmp_path / "mobilenet_v2.pth", FolderStorage(tmp_path / "results")
    torch.save(mobilenet_v2().state_dict(), file)
    request = TrainRequest(
        arch="mobilenetv2-1.0", space="mobilenetv2", task="digits", start=str(file)
    )
    planned, _ = plan_training(request, str(tmp_path / "nas.db"))
    space = load_space("mobilenetv2")
    content = start_content(str(file), space, space.published[0].architecture)
    (digest,) = read_recipe(planned.recipe, "it").start
    assert digest == content_hash(content)
    keep_start(content, results)
    with open_store(str(tmp_path / "nas.db")) as store:
        found = start_of(store, planned.recipe, results)
        assert found is not None
        assert Path(found.file).read_bytes() == content
        with pytest.raises(NasError, match="no trial"):
            start_of(store, planned.recipe, FolderStorage(tmp_path / "elsewhere"))


@pytest.mark.parametrize("word", ["w.pth", "./photos", "/tmp/w", "Photos"])
def test_other_words_than_studies_and_trials_are_files(word: str) -> None:
    assert is_start_file(word)
    assert not is_start_file("photos")
    assert not is_start_file("photos#3")
