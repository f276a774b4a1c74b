"""The identity of images: it changes if and only if a training would change."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import TaskError
from nas.study.evaluator import TrialError, WorkerPlan
from nas.study.spec_parts import DataIdentity
from nas.training.data import load_study_task, load_task
from nas.training.evaluator import TrainingEvaluator
from tests.messages import carries, carrying
from tests.studies import small_spec
from tests.training.data.pictures import (
    picture,
    png,
    write_binary_batch,
    write_folder,
    write_parquet,
)

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(params=["held", "streamed"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_folder(tmp_path / "d", side=24 if request.param == "held" else 70)


def identity(folder: Path, **settings: Any) -> DataIdentity:
    return load_task("folder", str(folder), **settings).identity


CHANGES = {
    "another image": lambda d: (d / "cat" / "3.png").write_bytes(png(picture(9999, 24))),
    "one more": lambda d: shutil.copy(d / "cat" / "3.png", d / "cat" / "99.png"),
    "one less": lambda d: (d / "cat" / "3.png").unlink(),
    "another class": lambda d: (d / "cat" / "3.png").rename(d / "dog" / "3a.png"),
    "another order": lambda d: (d / "cat" / "3.png").rename(d / "cat" / "0a.png"),
    "another name of a class": lambda d: (d / "cat").rename(d / "bat"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_a_training_changes_the_identity(images: Path, change: Any) -> None:
    before = identity(images)
    change(images)
    now = identity(images)
    assert now != before
    assert before.change(now)


def test_what_changes_no_training_leaves_it(images: Path, tmp_path: Path, cache: Path) -> None:
    before = identity(images)
    assert before.digest
    os.utime(images / "cat" / "3.png", (1, 1))
    (images / "cat" / ".DS_Store").write_bytes(b"x")
    assert identity(images) == before
    images.rename(tmp_path / "elsewhere")
    assert identity(tmp_path / "elsewhere") == before
    shutil.rmtree(cache)
    assert identity(tmp_path / "elsewhere") == before
    assert before.change(identity(tmp_path / "elsewhere")) == ""


def test_the_second_reading_opens_no_image(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(images)
    monkeypatch.setattr("nas.training.data.scan.look", None)
    assert identity(images) == before


@pytest.mark.parametrize("write", [write_parquet, write_binary_batch], ids=["parquet", "batches"])
def test_rows_and_batches_have_one_too(tmp_path: Path, write: Any) -> None:
    name = "train.parquet" if write is write_parquet else "data_batch_1.bin"
    found = []
    for count in (60, 80, 60):
        write(tmp_path / "p" / name, [i % 4 for i in range(count)] if "parquet" in name else count)
        found.append(load_task("cifar10", str(tmp_path / "p")).identity)
    assert found[0] == found[2] != found[1]


def test_embedded_images_have_one() -> None:
    assert load_task("digits").digest
    assert load_task("digits").identity == load_task("digits").identity


def test_a_change_is_told_in_numbers() -> None:
    one = DataIdentity("a" * 64, 64, 8, 8)
    sizes = one.change(replace(one, train=224, val=28, test=28))
    assert carries(sizes, "64 train … 8 validation … 8 test … 224 train … 28 validation … 28 test")
    assert not any(map(str.isdigit, one.change(replace(one, digest="b" * 64))))
    assert DataIdentity.from_json(one.as_json()) == one
    assert DataIdentity.from_json(None) is None


def test_a_study_refuses_other_images(images: Path, tmp_path: Path) -> None:
    spec = small_spec(task="folder", data_dir=str(images), image_size=24, limit=None)
    spec = replace(spec, data=load_study_task(spec).identity, recipe="digits", proxies=False)
    assert load_study_task(spec).identity == spec.data
    plan = WorkerPlan(spec.to_json(), str(tmp_path), spec.data_dir, "", "0")
    TrainingEvaluator(plan)
    (images / "cat" / "3.png").write_bytes(png(picture(9999, 24)))
    with pytest.raises(TaskError, match=carrying(f"{spec.name} … {images}")):
        load_study_task(spec)
    with pytest.raises(TrialError, match=carrying(spec.name)):
        TrainingEvaluator(plan)
    load_study_task(replace(spec, data=None))  # of before there was an identity
