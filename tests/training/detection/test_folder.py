"""Folders in COCO's format: the layouts that are read, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.errors import TaskError
from nas.study import TaskRequest
from nas.training.data import Task, load_task
from nas.training.detection.problem import Detection
from tests.training.detection.coco_sets import KINDS, coco_set, document, write

pytestmark = pytest.mark.usefixtures("cache")
SHARED = Path(__file__).parents[4] / "shared" / "data" / "bccd"


def sizes(task: Task) -> tuple[int, int, int]:
    return len(task.train), len(task.val), len(task.test)


def coco_layout(folder: Path) -> None:
    coco_set(folder)
    write(folder / "annotations" / "captions_train2017.json",
          {"images": [], "annotations": [], "categories": []})  # fmt: skip


def file_per_part(folder: Path) -> None:
    write(folder / "train.json", document(folder / "train", 12))
    write(folder / "val.json", document(folder / "val", 4, seed=1))


def among_the_images(folder: Path) -> None:
    write(folder / "train" / "_annotations.coco.json", document(folder / "train", 12))
    write(folder / "valid" / "_annotations.coco.json", document(folder / "valid", 4, seed=1))


def images_below_a_folder(folder: Path) -> None:
    write(folder / "annotations" / "train.json", document(folder / "images" / "train", 12))
    write(folder / "annotations" / "val.json", document(folder / "images" / "val", 4, seed=1))


def names_with_the_folder(folder: Path) -> None:
    for part, count in (("train", 12), ("val", 4)):
        found = document(folder / part, count, seed=count)
        for image in found["images"]:
            image["file_name"] = f"{part}/{image['file_name']}"
        write(folder / f"{part}.json", found)


@pytest.mark.parametrize(
    "layout",
    [coco_layout, file_per_part, among_the_images, images_below_a_folder, names_with_the_folder],
)
def test_layouts(layout: Callable[[Path], None], tmp_path: Path) -> None:
    layout(tmp_path)
    task = load_task("detection", str(tmp_path), image_size=64)
    assert sizes(task) == (10, 2, 4)
    assert task.class_names == KINDS
    assert "32 boxes in 2 classes (16 bar, 16 square)" in task.note


def test_one_file_is_split(tmp_path: Path) -> None:
    write(tmp_path / "labels.json", document(tmp_path / "images", 30))
    task, again = (load_task("detection", str(tmp_path), image_size=64) for _ in range(2))
    assert sizes(task) == (24, 3, 3)
    assert task.identity == again.identity


def test_three_parts(tmp_path: Path) -> None:
    for part, count in (("train", 12), ("valid", 5), ("test", 4)):
        write(tmp_path / f"{part}.json", document(tmp_path / part, count, seed=count))
    assert sizes(load_task("detection", str(tmp_path))) == (12, 5, 4)


def test_coco_is_read_in_its_own_layout_only(tmp_path: Path) -> None:
    file_per_part(tmp_path)
    with pytest.raises(TaskError, match=r"instances_train2017\.json.*--task detection"):
        load_task("coco", str(tmp_path))
    coco_set(tmp_path / "coco")
    assert sizes(load_task("coco", str(tmp_path / "coco"))) == (10, 2, 4)


def test_the_limit_keeps_training_images_only(tmp_path: Path) -> None:
    task = load_task("detection", str(coco_set(tmp_path)), limit=6)
    assert sizes(task) == (6, 2, 4)
    assert "only 6 training images" in task.note


def test_the_identity_follows_the_boxes(tmp_path: Path) -> None:
    coco_set(tmp_path)
    file = tmp_path / "annotations" / "instances_val2017.json"
    before = load_task("detection", str(tmp_path)).identity
    found = json.loads(file.read_text())
    found["annotations"][0]["bbox"][0] += 0.5
    write(file, found)
    assert load_task("detection", str(tmp_path)).identity != before


# -- invalid entries -------------------------------------------------------------------------------

Change = Callable[[Any, Path], None]


def annotation(**fields: Any) -> Change:
    def change(found: Any, folder: Path) -> None:
        found["annotations"][2] |= fields

    return change


def image(**fields: Any) -> Change:
    def change(found: Any, folder: Path) -> None:
        found["images"][1] |= fields

    return change


def gone(found: Any, folder: Path) -> None:
    (folder / found["images"][1]["file_name"]).unlink()


def truncated(found: Any, folder: Path) -> None:
    file = folder / found["images"][1]["file_name"]
    file.write_bytes(file.read_bytes()[:200])


def listed_again(found: Any, folder: Path) -> None:
    found["images"].append(dict(found["images"][1]))


@pytest.mark.parametrize(
    ("change", "told", "left"),
    [
        (annotation(bbox=[5, 5, 0, 9]), "boxes without area: annotation 3", 31),
        (annotation(bbox=[5, 5, 9, -4]), "boxes without area: annotation 3", 31),
        (annotation(bbox=[200, 5, 9, 9]), "boxes outside their image: annotation 3", 31),
        (annotation(bbox=[]), "malformed: annotation 3", 31),
        (annotation(bbox=[1, 2, float("nan"), 4]), "malformed: annotation 3", 31),
        (annotation(category_id=77), "boxes of an unknown category: annotation 3", 31),
        (annotation(image_id=99), "boxes of an unknown image: annotation 3", 31),
        (annotation(id=1), "listed again: annotation 1", 31),
        (image(width=81), "of another size than stated: ", 30),
        (image(height=-1), "malformed: image ", 28),
        (listed_again, "listed again: image 2", 32),
        (gone, "missing: ", 30),
        (truncated, "unreadable: ", 30),
    ],
)
def test_invalid_entries_are_named_and_skipped_by_choice(
    change: Change, told: str, left: int, tmp_path: Path
) -> None:
    folder = coco_set(tmp_path) / "train2017"
    file = tmp_path / "annotations" / "instances_train2017.json"
    found = json.loads(file.read_text())
    change(found, folder)
    write(file, found)
    with pytest.raises(TaskError, match=r"cannot be used: .*--skip-corrupt") as caught:
        load_task("detection", str(tmp_path))
    assert told in caught.value.cause
    task = load_task("detection", str(tmp_path), skip_corrupt=True)
    assert told in task.note
    assert f"{left} boxes in 2 classes" in task.note or left == 28


def test_crowd_and_ignored_regions_are_told(tmp_path: Path) -> None:
    coco_set(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    found = json.loads(file.read_text())
    found["annotations"][0]["iscrowd"] = 1
    found["annotations"][1]["ignore"] = 1
    write(file, found)
    note = load_task("detection", str(tmp_path)).note
    assert "2 crowd or ignored regions" in note
    assert "30 boxes in 2 classes" in note


def test_boxes_are_cut_at_the_border_and_told(tmp_path: Path) -> None:
    coco_set(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    found = json.loads(file.read_text())
    found["annotations"][4]["bbox"] = [60, 40, 40, 60]
    write(file, found)
    task = load_task("detection", str(tmp_path))
    assert "cut at the border: 1 (1 boxes that reach beyond their image: annotation 5" in task.note
    assert isinstance(task.goal, Detection)
    assert [60, 40, 80, 60] in task.goal.boxes.corners.tolist()


def test_names_of_images_may_have_backslashes(tmp_path: Path) -> None:
    found = document(tmp_path / "images" / "a", 12)
    for image in found["images"]:
        image["file_name"] = f"a\\{image['file_name']}"
    write(tmp_path / "labels.json", found)
    assert sizes(load_task("detection", str(tmp_path))) == (8, 2, 2)


def test_images_without_boxes_are_told(tmp_path: Path) -> None:
    coco_set(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    found = json.loads(file.read_text())
    found["annotations"] = [each for each in found["annotations"] if each["image_id"] != 3]
    write(file, found)
    assert "1 images without boxes" in load_task("detection", str(tmp_path)).note


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not valid JSON"),
        ("[]", "no annotations of training images"),
        ('{"images": [], "annotations": [], "categories": []}', "has no categories"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}',
         "has no annotations"),
        ('{"images": [], "annotations": [{}], "categories": [{"id": 1}]}', "without id or name"),
    ],
)  # fmt: skip
def test_files_that_are_no_annotations(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match=told):
        load_task("detection", str(tmp_path))


def test_folders_without_annotations(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="needs the folder"):
        TaskRequest("detection").load()
    with pytest.raises(TaskError, match="no annotations"):
        load_task("detection", str(tmp_path))
    with pytest.raises(TaskError, match="there is no folder"):
        load_task("detection", str(tmp_path / "none"))


def test_two_files_for_one_part(tmp_path: Path) -> None:
    file_per_part(tmp_path)
    shutil.copy(tmp_path / "train.json", tmp_path / "train_old.json")
    with pytest.raises(TaskError, match="several files of annotations"):
        load_task("detection", str(tmp_path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the set is absent")
def test_a_published_set_in_coco_format() -> None:
    task = load_task("detection", str(SHARED), image_size=160)
    assert sizes(task) == (263, 29, 72)
    assert task.class_names == ("RBC", "WBC", "Platelets")
