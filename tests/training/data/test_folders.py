"""Folders: usual names of the parts, and a report of every file that is left out."""

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nas.errors import TaskError
from nas.training.data import load_task
from nas.training.data.layout import part_of
from tests.messages import carries
from tests.training.data.pictures import picture, png
from tests.training.data.refusals import refused

pytestmark = pytest.mark.usefixtures("cache")

CLASSES = ("ice", "sea")


def fill(folder: Path, first: int = 0, count: int = 12, suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"{number}{suffix}").write_bytes(png(picture(number, 16)))


def tree(
    root: Path, *parts: str, classes: Any = CLASSES, counts: tuple[int, ...] = (12, 2, 4)
) -> Path:
    for label, name in enumerate(classes):
        for place, (part, count) in enumerate(zip(parts, counts, strict=False)):
            fill(root / part / name, 1000 * place + 100 * label, count)
    return root


# -- parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part"),
    [("train", "train"), ("Training", "train"), ("seg_train", "train"), ("train2017", "train"),
     ("images_train", "train"), ("TrainSet", "train"), ("trn", "train"), ("valid", "val"),
     ("Validation", "val"), ("dev", "val"), ("eval", "val"), ("val_images", "val"),
     ("TEST", "test"), ("Testing", "test"), ("test_set", "test"), ("tst", "test"),
     ("train-00000-of-00001", "train"), ("trainval", None), ("train_test", None),
     ("vAlId", "val"), ("TRAİN", "train"), ("Entraînement", "train"), ("VALIDACIÓN", "val"),
     ("Validierung", "val"), ("EĞİTİM", "train"), ("ОБУЧЕНИЕ", "train"), ("训练集", "train"),
     ("テスト", "test"), ("holdout", "test"), ("testamento", None), ("обучениеx", None),
     ("contest", None), ("value", None), ("testament", None), ("device", None), ("cat", None)],
)  # fmt: skip
def test_which_part_a_name_stands_for(name: str, part: str | None) -> None:
    found = part_of(name)
    assert (found[0] if found else None) == part


TWO = [
    ("train", "test"), ("Training", "Testing"), ("TRAIN", "TEST"), ("seg_train", "seg_test"),
    ("seg_train/seg_train", "seg_test/seg_test"), ("images/train", "images/test"),
    ("data/images_train", "data/images_test"), ("train/images", "test/images"),
    ("archive/set/train_set", "archive/set/test_set"), ("trainset", "testset"),
]  # fmt: skip


@pytest.mark.parametrize("task", ["folder", "cifar10", "imagenet"])
@pytest.mark.parametrize(("train", "test"), TWO)
def test_train_and_test_under_the_names_that_people_use(
    tmp_path: Path, train: Any, test: Any, task: str
) -> None:
    tree(tmp_path / "d", train, test, counts=(12, 4))
    found = load_task(task, str(tmp_path / "d"))
    assert found.class_names == CLASSES
    assert (len(found.train) + len(found.val), len(found.test)) == (24, 8)
    assert "24 images in 2 classes (12 / 12)" in found.note
    assert "left out" not in found.note


@pytest.mark.parametrize(
    "names",
    [("train", "val", "test"), ("Train", "Validation", "Test"), ("training", "dev", "testing"),
     ("train", "valid", "test"), ("train", "eval", "test"), ("t/Train", "t/Valid", "t/Test")],
)  # fmt: skip
def test_three_parts(tmp_path: Path, names: tuple[str, str, str]) -> None:
    task = load_task("folder", str(tree(tmp_path / "d", *names)))
    assert (len(task.train), len(task.val), len(task.test)) == (24, 4, 8)


def test_parts_below_each_class(tmp_path: Path) -> None:
    for label, name in enumerate(CLASSES):
        fill(tmp_path / "d" / name / "train", 100 * label)
        fill(tmp_path / "d" / name / "test", 1000 + 100 * label, 4)
    task = load_task("folder", str(tmp_path / "d"))
    assert task.class_names == CLASSES
    assert len(task.test) == 8


@pytest.mark.parametrize(
    "classes", [("bus", "train"), ("contest", "test_tube"), ("dev", "ops"), ("test", "tube")]
)
def test_a_class_may_have_the_name_of_a_part(tmp_path: Path, classes: tuple[str, str]) -> None:
    task = load_task("folder", str(tree(tmp_path / "d", "", classes=classes)))
    assert task.class_names == classes


def test_two_folders_for_one_part_or_none_for_training_are_refused(tmp_path: Path) -> None:
    tree(tmp_path / "a", "train2014", "train2017", "val")
    refused("train2014 … train2017", "folder", str(tmp_path / "a"))
    tree(tmp_path / "b", "val", "test")
    refused("test … val … training", "folder", str(tmp_path / "b"))
    for part in ("train", "test"):
        fill(tmp_path / "c" / part)
    refused("24 … class folders", "folder", str(tmp_path / "c"))


def test_classes_that_only_one_part_has(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", "train")
    fill(root / "test" / "ice", 500, 4)
    assert carries(load_task("folder", str(root)).note, "test … sea")
    fill(root / "test" / "wood", 600, 4)
    refused("test … 'wood'", "folder", str(root))


# -- the account -----------------------------------------------------------------------------------


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", "train", "test", counts=(12, 4))
    (root / "README.md").write_text("about")
    (root / "train" / "ice" / "notes.txt").write_text("notes")
    (root / "train" / "ice" / "unknown").write_bytes(b"\0" * 99)
    (root / "train" / "ice" / "none.png").write_bytes(b"")
    (root / "train" / "sea" / "gone.jpg").symlink_to("/nowhere/x.jpg")
    (root / "train" / "sea" / ".copy.png").write_bytes(b"hidden")
    fill(root / "train", 900, 1)
    fill(root / "extra" / "ice", 950, 2)
    (root / "train" / "labels").mkdir()
    os.mkfifo(root / "train" / "sea" / "pipe.png")
    for system in (".DS_Store", "train/Thumbs.db", "train/ice/.DS_Store"):
        (root / system).write_bytes(b"system")
    fill(root / "__MACOSX" / "train" / "ice", 990, 2)
    fill(root / "train" / ".ipynb_checkpoints", 990, 2)
    for task in ("folder", "cifar10"):
        note = load_task(task, str(root)).note
        assert "24 images in 2 classes" in note
        assert "left out: 11 (" in note
        for said in (
            "1 hidden: ",
            "3 not an image: ",
            "1 empty: ",
            "1 a broken link: ",
            "1 not a regular file: ",
            "1 outside the class folders: ",
            "1 a folder without images: labels",
            "2 in no known part: ",
        ):
            assert said in note, said
        assert "gone.jpg" in note
        assert "Thumbs" not in note


@pytest.mark.parametrize(
    ("suffix", "kind"), [("jfif", "JPEG"), ("webp", "WEBP"), ("tif", "TIFF"), ("jp2", "JPEG2000"),
                         ("tga", "TGA"), ("JPG", "JPEG"), ("", "PNG"), ("bin2", "PNG")],
)  # fmt: skip
def test_every_suffix_that_is_an_image_is_read(tmp_path: Path, suffix: str, kind: str) -> None:
    for label, name in enumerate(CLASSES):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(12):
            file = tmp_path / "d" / name / (f"{number}.{suffix}" if suffix else str(number))
            Image.fromarray(picture(50 * label + number, 16)).save(file, kind)
    task = load_task("folder", str(tmp_path / "d"))
    assert "24 images in 2 classes (12 / 12)" in task.note
    assert "left out" not in task.note


@pytest.mark.parametrize("how", ["links", "empty", "corrupt"])
def test_a_class_that_loses_all_its_files_is_an_error(tmp_path: Path, how: str) -> None:
    root = tree(tmp_path / "d", "")
    (root / "wood").mkdir()
    for number in range(12):
        file = root / "wood" / f"{number}.png"
        if how == "links":
            file.symlink_to("/nowhere/x.png")
        else:
            file.write_bytes(b"" if how == "empty" else b"hello")
    with pytest.raises(TaskError, match=r"class 'wood' .*12 .*wood/0\.png"):
        load_task("folder", str(root), skip_corrupt=True)


def test_a_folder_with_other_files_only_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", "")
    (root / "annotations").mkdir()
    (root / "annotations" / "0.xml").write_text("<a/>")
    note = load_task("folder", str(root)).note
    assert "2 classes" in note
    assert "1 a folder without images: annotations" in note


def test_a_folder_without_any_image_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "d" / "a").mkdir(parents=True)
    (tmp_path / "d" / "a" / "scan.csv").write_text("1,2")
    refused("1 … scan.csv", "folder", str(tmp_path / "d"))


def test_many_classes_are_told_by_their_sizes(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for label in range(6):
        fill(root / f"c{label}", 100 * label, 10 + label)
    assert carries(load_task("folder", str(root)).note, "75 images … 6 classes … 10 to 15")


def test_parts_in_other_languages(tmp_path: Path) -> None:
    tree(tmp_path / "d", "ENTRENAMIENTO", "Validación", "Prueba")
    task = load_task("folder", str(tmp_path / "d"))
    assert (task.class_names, len(task.test)) == (CLASSES, 8)


def test_classes_that_hold_the_same_folders_may_be_parts_and_that_is_said(tmp_path: Path) -> None:
    tree(tmp_path / "a", "shuffled", "kept", "put by")
    note = load_task("folder", str(tmp_path / "a")).note
    assert carries(note, "kept, put by, shuffled … ice, sea")
    fill(tmp_path / "a" / "kept", 5000)
    assert "ice, sea" not in load_task("folder", str(tmp_path / "a")).note


def test_images_of_a_part_that_is_not_read_are_counted(tmp_path: Path) -> None:
    tree(tmp_path / "d", "train", "unlabelled", "test")
    assert carries(load_task("folder", str(tmp_path / "d")).note, "left out: 4")


def test_names_that_no_terminal_shows_are_escaped(tmp_path: Path) -> None:
    names = [b"caf\xe9", b"new\nline", b"\x1b[31mred"]
    for place, name in enumerate(names):
        fill(tmp_path / "d" / os.fsdecode(name), 100 * place)
    (tmp_path / "d" / os.fsdecode(names[0]) / os.fsdecode(b"\xe9.png")).touch()
    task = load_task("folder", str(tmp_path / "d"))
    assert set(task.class_names) == {r"caf\udce9", r"new\nline", r"\x1b[31mred"}
    assert r"\udce9/\udce9.png" in task.note
    assert all(text.isprintable() for text in (task.note, *task.class_names))
