"""Data that changed between two calls: resume, export and training refuse, or say so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.store import open_store
from nas.study.spec import StudySpec
from nas.training.data import load_study_task
from tests.cli.runner import Shell
from tests.messages import carries
from tests.studies import small_spec


def add(root: Path, first: int, last: int) -> None:
    for label, name in enumerate("ab"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, last):
            pixels = np.full((16, 16, 3), 90 * label + number, dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    add(tmp_path / "images", 0, 20)
    return tmp_path / "images"


@pytest.fixture
def study(nas: Shell, images: Path) -> StudySpec:
    """A study on them that has not begun."""
    spec = small_spec(
        name="first", task="folder", data_dir=str(images), limit=None, sampler="random"
    )
    spec = replace(spec, data=load_study_task(spec).identity)
    with open_store(None) as store:
        store.create_study(spec, {})
    return spec


def test_a_study_is_not_resumed_on_other_images(nas: Shell, images: Path, study: StudySpec) -> None:
    add(images, 20, 50)
    said = nas.refused("resume", "first")
    assert carries(said, "first … 32 train … 4 validation … 4 test")
    assert carries(said, "80 train … 10 validation … 10 test")
    assert carries(said, "restore … images")
