"""Examples: a few images of the validation split with the outputs of a trained network."""

from collections.abc import Iterator
from pathlib import PurePath

import torch

from nas.training.data.records import Files
from nas.training.loop.decoders import lost_decoders_named
from nas.training.loop.session import Session

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
