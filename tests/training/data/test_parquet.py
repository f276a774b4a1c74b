"""Parquet as hubs, pandas and polars write it, for every task alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nas.training.data import Split, load_task
from tests.messages import carries
from tests.training.data.pictures import CIFAR10, picture, png
from tests.training.data.refusals import refused

pytestmark = pytest.mark.usefixtures("cache")

COUNT = 24
BLOBS = [png(picture(number)) for number in range(COUNT)]
LABELS = [number % 2 for number in range(COUNT)]
WORDS = ["ab"[label] for label in LABELS]
STRUCTS = [{"bytes": blob, "path": None} for blob in BLOBS]
LARGE = pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())])
TASKS = ("cifar10", "cifar100", "imagenet", "folder")


def write(file: Path, columns: dict[str, Any], **settings: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file, **settings)
    return file.parent


MADE = {
    "struct": {"image": STRUCTS, "label": LABELS},
    "large struct": {"image": pa.array(STRUCTS, LARGE), "label": LABELS},
    "binary": {"img": pa.array(BLOBS), "label": LABELS},
    "large_binary, large_string": {
        "image": pa.array(BLOBS, pa.large_binary()),
        "label": pa.array(WORDS, pa.large_string()),
    },
    "views": {
        "image": pa.array(BLOBS, pa.binary_view()),
        "label": pa.array(WORDS, pa.string_view()),
    },
    "categories": {"image": BLOBS, "label": pa.array(WORDS).dictionary_encode()},
    "encoded images": {"image": pa.array(BLOBS).dictionary_encode(), "target": LABELS},
    "booleans": {"image": BLOBS, "label": [label == 1 for label in LABELS]},
    "bytes": {"image": BLOBS, "class": pa.array(LABELS, pa.uint8())},
    "from one": {"image": BLOBS, "labels": [label + 1 for label in LABELS]},
    "plus and minus": {"image": BLOBS, "y": [2 * label - 1 for label in LABELS]},
    "two kinds of labels": {"img": BLOBS, "fine_label": LABELS, "coarse_label": [0] * COUNT},
    "paths and identifiers": {
        "image_file_path": ["x"] * COUNT, "image": STRUCTS, "labels": LABELS,
        "__index_level_0__": list(range(COUNT)),
    },
    "two binaries": {"mask": [b""] * COUNT, "image": BLOBS, "Label": LABELS},
    "numbers that are no labels": {
        "image": BLOBS, "kind": LABELS, "id": list(range(COUNT)), "split": ["train"] * COUNT,
        "__index_level_0__": list(range(COUNT)),
    },
    "any names": {"photograph": BLOBS, "kind": WORDS},
}  # fmt: skip


@pytest.mark.parametrize("columns", MADE.values(), ids=MADE)
def test_every_make_is_read_alike(tmp_path: Path, columns: Any) -> None:
    folder = write(tmp_path / "p" / "train-00000-of-00001.parquet", columns, row_group_size=7)
    task = load_task("cifar10", str(folder))
    assert isinstance(task.train, Split)
    assert "24 images in 2 classes (12 / 12)" in task.note
    known = {picture(number).transpose(2, 0, 1).tobytes(): number % 2 for number in range(COUNT)}
    for split in (task.train, task.val, task.test):
        for image, label in zip(split.images, split.labels.tolist(), strict=True):
            assert known[image.numpy().tobytes()] == label


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("make", ["large_binary, large_string", "paths and identifiers"])
def test_every_task_reads_them(tmp_path: Path, task: Any, make: str) -> None:
    found = load_task(task, str(write(tmp_path / "p" / "train.parquet", MADE[make])))
    assert found.classes == 2
    assert len(found.train) + len(found.val) + len(found.test) == COUNT


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint16(), pa.uint64()])
def test_labels_of_any_range_are_classes_by_their_order(tmp_path: Path, kind: Any) -> None:
    labels = pa.array([(3, 10, 100)[number % 3] for number in range(COUNT)], kind)
    folder = write(tmp_path / "p" / "train.parquet", {"image": BLOBS, "label": labels})
    assert load_task("folder", str(folder)).class_names == ("3", "10", "100")


def test_the_names_of_the_hub_are_kept(tmp_path: Path) -> None:
    features = {"info": {"features": {"labels": {"names": ["owl", "cat"]}}}}
    table = pa.table({"image": STRUCTS, "labels": LABELS})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    (tmp_path / "p").mkdir()
    pq.write_table(table, tmp_path / "p" / "train.parquet")
    assert load_task("folder", str(tmp_path / "p")).class_names == ("owl", "cat")


@pytest.mark.parametrize(
    ("train", "test"),
    [("train-00000-of-00001", "test-00000-of-00001"), ("data/train-0", "data/test-0"),
     ("train", "test"), ("default/train/0000", "default/test/0000"), ("Train", "Validation"),
     ("beans_train", "beans_test"), ("train/part-0", "test/part-0")],
)  # fmt: skip
def test_files_are_parts_by_their_name_or_their_folder(
    tmp_path: Path, train: str, test: str
) -> None:
    rows: dict[str, list[Any]] = {"image": BLOBS, "label": LABELS}
    few = {name: values[:4] for name, values in rows.items()}
    write(tmp_path / "p" / f"{train}.parquet", rows)
    write(tmp_path / "p" / f"{test}.parquet", few)
    for task in ("cifar10", "folder"):
        found = load_task(task, str(tmp_path / "p"))
        assert (len(found.train) + len(found.val), len(found.test)) == (COUNT, 4)


def test_files_of_several_data_sets_or_other_columns_are_refused(tmp_path: Path) -> None:
    for name in ("cropped", "full"):
        write(tmp_path / "a" / name / "train-0.parquet", {"image": BLOBS, "label": LABELS})
    refused("cropped … full", "folder", str(tmp_path / "a"))
    write(tmp_path / "b" / "train-0.parquet", {"image": BLOBS, "label": LABELS})
    write(tmp_path / "b" / "train-1.parquet", {"image": BLOBS, "class": LABELS})
    refused("train-1.parquet … image, class", "folder", str(tmp_path / "b"))
    write(tmp_path / "c" / "train-0.parquet", {"image": BLOBS, "label": LABELS})
    write(tmp_path / "c" / "train-1.parquet", {"image": BLOBS, "label": WORDS})
    refused(
        "label … text … train-0.parquet … train-1.parquet … numbers", "folder", str(tmp_path / "c")
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"image": BLOBS, "score": [0.5] * COUNT}, "image, score"),
     ({"image": BLOBS, "a": LABELS, "b": LABELS}, "image, a, b"),
     ({"x": BLOBS, "z": BLOBS, "label": LABELS}, "x, z, label"),
     ({"image": BLOBS, "split": ["test", *["train"] * (COUNT - 1)], "label": LABELS},
      "split … test, train"),
     ({"image": BLOBS, "split": ["test", *["train"] * (COUNT - 1)]}, "image, split"),
     ({"image": BLOBS, "label": [None, *LABELS[1:]]}, "row 0 … train.parquet … label"),
     ({"image": BLOBS, "label": [-1, 0, *LABELS[2:]]}, "label -1")],
)  # fmt: skip
def test_what_is_not_clear_is_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    for task in ("cifar10", "folder"):
        refused(said, task, str(write(tmp_path / "p" / "train.parquet", columns)))


def test_rows_without_an_image_are_counted(tmp_path: Path) -> None:
    blobs = [None, b"", *BLOBS[2:]]
    folder = write(tmp_path / "p" / "train.parquet", {"image": blobs, "label": LABELS})
    note = load_task("folder", str(folder)).note
    assert carries(note, "22 images … 2 classes … 11 / 11 … left out: 2 … row 0")


@pytest.mark.skipif(not CIFAR10.is_dir(), reason="no CIFAR-10 in NAS_DATA or ../shared/data")
def test_a_real_file_of_the_hub_written_again_as_polars_does(tmp_path: Path) -> None:
    table = pq.read_table(CIFAR10 / "test-00000-of-00001.parquet").slice(0, 400)
    blobs = [row["bytes"] for row in table.column("image").to_pylist()]
    names = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
    words = [names[label] for label in table.column("label").to_pylist()]
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "hub" / "train.parquet")
    columns = {"image": pa.array(blobs, pa.large_binary()), "label": pa.array(words)}
    write(tmp_path / "polars" / "train.parquet", columns)
    one, other = (load_task("cifar10", str(tmp_path / name)) for name in ("hub", "polars"))
    assert one.class_names == other.class_names == tuple(names)
    assert np.array_equal(one.train.images, other.train.images)
    assert one.digest == other.digest
