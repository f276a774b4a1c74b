"""Draw the boxes that a detector finds in an image, and the true boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from nas.training.decoding.pixels import opened, upright_rgb
from nas.training.detection.anchors import flat
from nas.training.detection.boxes import CLASS, CORNERS
from nas.training.detection.problem import DetectionFilter, detect

THRESHOLD = 0.3  # the smallest probability of a drawn box
_COLOURS = ("#e4572e", "#2e86ab", "#3c9d4e", "#b5179e", "#f2a900", "#5f4bb6")
_SIDE = 400  # pixels: the longer side of an example
_GAP = 4  # pixels between the two pictures of an example
_QUALITY = 80  # of a JPEG file

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Guess:
    """A class with its probability, and its box in pixels: left, top, right, bottom."""

    label: str
    probability: float
    box: Box | None = None


@dataclass(frozen=True)
class BoxExamples:
    """Examples of a detection: the true boxes on the left, those of the network on the right."""

    class_names: tuple[str, ...]

    @property
    def caption(self) -> str:
        """The description of an example."""
        return (
            "Images of the validation split: on the left the true boxes, on the right the boxes "
            f"of the network with a probability of {THRESHOLD} or more."
        )

    def draw(self, data: bytes, outputs: Any, target: Tensor) -> bytes:
        """Return an encoded image as a JPEG file; `outputs` are maps (1, …), `target` (M, 6)."""
        with opened(data) as image:
            shown = upright_rgb(image)
        shown.thumbnail((_SIDE, _SIDE))
        size = (shown.width, shown.height)
        true = [
            (int(row[CLASS]) - 1, self.class_names[int(row[CLASS]) - 1], _box(row[CORNERS], size))
            for row in target
            if row[CLASS] > 0
        ]
        guesses = guesses_of_boxes(outputs, self.class_names, size, THRESHOLD)
        sheet = Image.new("RGB", (2 * shown.width + _GAP, shown.height), "white")
        for place, boxes in enumerate((true, _labelled(guesses, self.class_names))):
            canvas = shown.copy()
            _draw(canvas, boxes)
            sheet.paste(canvas, (place * (shown.width + _GAP), 0))
        content = BytesIO()
        sheet.save(content, "JPEG", quality=_QUALITY)
        return content.getvalue()


def guesses_of_boxes(
    maps: Sequence[Tensor], class_names: Sequence[str], size: tuple[int, int], least: float
) -> list[Guess]:
    """Return the detections in one image with a probability above `least`, best first.

    `maps` are the outputs (1, …) of the network, `size` is width and height in pixels.
    """
    around, offsets, logits = flat(maps, len(class_names))
    found = detect(around, offsets[0], logits[0], DetectionFilter(threshold=least)).cpu()
    return [
        Guess(class_names[int(row[0]) - 1], float(row[1]), _box(row[2:], size)) for row in found
    ]


def drawn_boxes(data: bytes, guesses: Sequence[Guess], class_names: Sequence[str]) -> Image.Image:
    """Return an encoded image with the boxes of `guesses`, in a colour for each class."""
    with opened(data) as image:
        canvas = upright_rgb(image)
    _draw(canvas, _labelled(guesses, class_names))
    return canvas


def _box(corners: Tensor, size: tuple[int, int]) -> Box:
    """Return `corners`, in shares of an image of `size`, in pixels."""
    left, top, right, bottom = (corners.cpu() * torch.tensor([*size, *size])).tolist()
    return left, top, right, bottom


def _labelled(guesses: Sequence[Guess], class_names: Sequence[str]) -> list[tuple[int, str, Box]]:
    """Return class, text and box of each guess, the best last, so that it is drawn on top."""
    return [
        (class_names.index(guess.label), f"{guess.label} {guess.probability:.2f}", guess.box)
        for guess in reversed(guesses)
        if guess.box is not None
    ]


def _draw(canvas: Image.Image, boxes: Sequence[tuple[int, str, Box]]) -> None:
    """Draw boxes with their texts, in a colour for each class."""
    pen, width = ImageDraw.Draw(canvas), max(1, round(min(canvas.size) / 200))
    for number, text, box in boxes:
        colour = _COLOURS[number % len(_COLOURS)]
        pen.rectangle(box, outline=colour, width=width)
        pen.rectangle(pen.textbbox(box[:2], text), fill=colour)
        pen.text(box[:2], text, fill="white")
