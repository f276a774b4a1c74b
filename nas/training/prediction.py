"""Prediction: an image file as the input of a network, and its outputs as classes or boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from nas.space import Shape
from nas.training.decoding.decode import Cut, Window, whole
from nas.training.decoding.pixels import opened, upright_rgb, upright_size
from nas.training.detection.anchors import flat
from nas.training.detection.problem import Selection, detect

_WHOLE = (0.0, 0.0, 1.0, 1.0, 0.0)  # of an image, not mirrored
_COLOURS = ("#e4572e", "#2e86ab", "#3c9d4e", "#b5179e", "#f2a900", "#5f4bb6")


@dataclass(frozen=True)
class Guess:
    """A class with its probability, and its box in pixels: left, top, right, bottom."""

    label: str
    probability: float
    box: tuple[float, float, float, float] | None = None


def network_input(
    data: bytes, shape: Shape, mean: Sequence[float], std: Sequence[float], crop: bool
) -> Tensor:
    """Return an encoded image as the input (1, C, H, W) of a network; one channel is grey.

    A square image of the size of the input is shown as it is. Of others the centre is shown
    (`crop`), as in validation, or the whole image without its proportions.

    Raises:
        OSError, ValueError, …: the bytes are not a supported image.
    """
    with opened(data) as image:
        size = upright_size(image)
    side = shape.height
    if size == (side, side):
        pixels = torch.from_numpy(whole(data, side)[0].copy())
    else:
        how = Cut(side) if crop else Window(side)
        pixels = torch.from_numpy(how.pixels(data, _WHOLE).copy()).permute(2, 0, 1)
    shown = pixels.float() / 255
    if shape.channels == 1:
        shown = shown.mean(0, keepdim=True)
    scaled = (shown - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    return scaled[None].contiguous()


def guesses_of_classes(logits: Tensor, class_names: Sequence[str], most: int) -> list[Guess]:
    """Return the `most` probable classes for the logits (1, classes) of one image, best first."""
    probabilities = logits[0].softmax(0)
    order = probabilities.argsort(descending=True)[:most].tolist()
    return [Guess(class_names[place], float(probabilities[place])) for place in order]


def guesses_of_boxes(
    maps: Sequence[Tensor], class_names: Sequence[str], size: tuple[int, int], least: float
) -> list[Guess]:
    """Return the detections in one image of `size` with a probability of `least`, best first."""
    around, offsets, logits = flat(maps, len(class_names))
    found = detect(around, offsets[0], logits[0], Selection(threshold=least))
    scale = torch.tensor([*size, *size])
    guesses = []
    for row in found:
        left, top, right, bottom = (row[2:] * scale).tolist()
        label = class_names[int(row[0]) - 1]
        guesses.append(Guess(label, float(row[1]), (left, top, right, bottom)))
    return guesses


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height of an encoded image, upright; raises as `network_input`."""
    with opened(data) as image:
        return upright_size(image)


def drawn_boxes(data: bytes, guesses: Sequence[Guess], class_names: Sequence[str]) -> Image.Image:
    """Return an encoded image with the boxes of `guesses`, in a colour for each class."""
    with opened(data) as image:
        canvas = upright_rgb(image)
    pen, width = ImageDraw.Draw(canvas), max(1, round(min(canvas.size) / 200))
    for guess in reversed(guesses):
        if guess.box is None:
            continue
        colour = _COLOURS[class_names.index(guess.label) % len(_COLOURS)]
        pen.rectangle(guess.box, outline=colour, width=width)
        text, place = f"{guess.label} {guess.probability:.2f}", (guess.box[0], guess.box[1])
        pen.rectangle(pen.textbbox(place, text), fill=colour)
        pen.text(place, text, fill="white")
    return canvas
