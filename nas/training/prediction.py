"""Prediction: images as the input of a network, and its outputs as classes or as pictures."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

import torch
from torch import Tensor

from nas.space import Shape
from nas.training.data.records import Files
from nas.training.decoding.decode import Cut, Window, whole
from nas.training.decoding.pixels import opened, upright_size
from nas.training.detection.drawing import Guess
from nas.training.loop.decoders import lost_decoders_named
from nas.training.loop.session import Session

_WHOLE = (0.0, 0.0, 1.0, 1.0, 0.0)  # the whole image, not mirrored


def network_input(
    data: bytes, shape: Shape, mean: Sequence[float], std: Sequence[float], crop: bool
) -> Tensor:
    """Return an encoded image as the input (1, C, H, W) of a network; one channel is grey.

    An image of the size of the input is used unchanged. Of others the centre is used (`crop`), as
    in validation, or the whole image, resized to a square.

    Raises:
        OSError, ValueError, …: the bytes are not a supported image (`BROKEN`).
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


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height of an encoded image, upright; raises as `network_input`."""
    with opened(data) as image:
        return upright_size(image)


MOST = 6


def drawn_examples(session: Session, most: int = MOST) -> Iterator[tuple[str, bytes]]:
    """Yield the name and a JPEG file of `most` images, evenly spread over the validation split.

    Nothing is yielded if the task draws no examples, or has its images in memory.
    """
    task = session.task
    if task.examples is None or not isinstance(task.val, Files):
        return
    count = min(most, len(task.val))
    rows = torch.arange(count) * len(task.val) // count
    some = Files(task.val.records, task.val.indices[rows], task.val.labels[rows])
    with lost_decoders_named():
        answers = zip(some.indices.tolist(), session.answers(some), strict=True)
        for index, (outputs, target) in answers:
            name = PurePath(some.records.name(index)).name
            yield name, task.examples.draw(some.records.read(index), outputs, target)
