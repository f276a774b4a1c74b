"""Small data sets in COCO's format: dark rectangles and bright squares on noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

KINDS = ("bar", "square")


def document(folder: Path, count: int, seed: int = 0, size: tuple[int, int] = (80, 60)) -> Any:
    """Write `count` images into `folder`; return their annotations, with category ids 5 and 9."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    images: list[Any] = []
    annotations: list[Any] = []
    for number in range(1, count + 1):
        noise = random.integers(90, 150, (size[1], size[0], 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        for kind in (0, 1):
            width, height = (30, 12) if kind == 0 else (20, 20)
            left = int(random.integers(0, size[0] - width))
            top = int(random.integers(0, size[1] - height))
            box = (left, top, left + width - 1, top + height - 1)
            ImageDraw.Draw(picture).rectangle(box, fill=("black", "white")[kind])
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": (5, 9)[kind],
                 "bbox": [left, top, width, height], "area": width * height, "iscrowd": 0}
            )  # fmt: skip
        name = f"{number:03d}.png"
        picture.save(folder / name)
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
    categories = [{"id": 5, "name": KINDS[0]}, {"id": 9, "name": KINDS[1]}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write(file: Path, found: Any) -> None:
    """Write annotations as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found), encoding="utf-8")


def coco_set(folder: Path, train: int = 12, val: int = 4) -> Path:
    """Write a set in COCO's own layout; return its folder."""
    for part, count in (("train2017", train), ("val2017", val)):
        found = document(folder / part, count, seed=count)
        write(folder / "annotations" / f"instances_{part}.json", found)
    return folder
