"""CIFAR-100 in the forms in which it is distributed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nas.errors import TaskError
from nas.training.data import load_task
from tests.messages import carrying
from tests.training.data.pictures import picture, png, write_python_batches

pytestmark = pytest.mark.usefixtures("cache")


def binary_batch(count: int) -> bytes:
    return b"".join(
        bytes([i % 20, i % 100]) + picture(i).transpose(2, 0, 1).tobytes() for i in range(count)
    )


@pytest.mark.parametrize("kind", ["python", "binary"])
def test_batches_of_the_authors(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "python":
        write_python_batches(tmp_path, 400, 100, monkeypatch, "CIFAR100")
    else:
        (tmp_path / "train.bin").write_bytes(binary_batch(400))
        (tmp_path / "test.bin").write_bytes(binary_batch(100))
    task = load_task("cifar100", str(tmp_path))
    assert (task.classes, len(task.train), len(task.val), len(task.test)) == (100, 300, 100, 100)
    assert task.test.labels.tolist() == list(range(100))
    assert task.class_names[7] == "7"
    assert np.array_equal(task.test.images[7].numpy().transpose(1, 2, 0), picture(7))


def test_parquet_takes_the_fine_labels(tmp_path: Path) -> None:
    rows = [{"bytes": png(picture(i)), "path": ""} for i in range(40)]
    table = {"img": rows, "fine_label": [i % 4 for i in range(40)], "coarse_label": [0] * 40}
    pq.write_table(pa.table(table), tmp_path / "train-0.parquet")
    assert load_task("cifar100", str(tmp_path)).classes == 4


def test_truncated_batch(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(binary_batch(10)[:-5])
    with pytest.raises(TaskError, match=carrying("CIFAR-100")):
        load_task("cifar100", str(tmp_path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_of_classes_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "train.bin").write_bytes(binary_batch(400))
    names = ["käfer", *(f"class-{number}" for number in range(1, 100))]
    (tmp_path / "fine_label_names.txt").write_text("\n".join(names), encoding=encoding)
    assert load_task("cifar100", str(tmp_path)).class_names == tuple(names)
    (tmp_path / "fine_label_names.txt").write_text("\n".join(names), encoding="latin-1")
    with pytest.raises(TaskError, match=carrying("fine_label_names.txt … UTF-8 … line 1")):
        load_task("cifar100", str(tmp_path))
