"""Class names from labels that are words, booleans or integers of any range."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nas.errors import TaskError
from nas.training.data.left_out import printable

_UNLABELLED = -1  # the Hugging Face hub's label for images without a label


def class_names(
    parts: Mapping[str, Sequence[Any]], known: tuple[str, ...], where: str
) -> tuple[str, ...]:
    """Return the names of the classes in the labels of all parts.

    They are the words, with unprintable characters escaped, or the integers in ascending order as
    text; `known` are the names of the integers from 0, if the data has them.

    Raises:
        TaskError: a label has no training images, or an integer has no name.
    """
    train = set(parts["train"])
    if known and all(_is_integer(value) for value in train):
        _check_known(parts, known, where)
        return known
    _check_unlabelled(train, where)
    names = tuple(_text(value) for value in sorted(train, key=_rank))
    for key, labels in parts.items():
        strange = sorted({_text(value) for value in labels} - set(names))
        if strange:
            more = f" ({len(strange)} such classes)" if len(strange) > 1 else ""
            raise TaskError(
                f"the {key} part of {where} has a class {strange[0]!r} that has no training "
                f"images{more}.",
                f"The classes of the training images are {', '.join(names[:5])}"
                f"{', …' if len(names) > 5 else ''}: give all parts the same classes.",
            )
    return names


def positions(values: Sequence[Any], names: tuple[str, ...], known: tuple[str, ...]) -> Tensor:
    """Return the classes of `values`, int64 of shape (N,): their positions in `names`."""
    if known == names and all(_is_integer(value) for value in values):
        return torch.tensor(values, dtype=torch.int64)
    place = {name: index for index, name in enumerate(names)}
    return torch.tensor([place[_text(value)] for value in values], dtype=torch.int64)


def _check_known(parts: Mapping[str, Sequence[Any]], known: tuple[str, ...], where: str) -> None:
    for labels in parts.values():
        for value in set(labels):
            if not (_is_integer(value) and 0 <= value < len(known)):
                raise TaskError(
                    f"{where} has the label {value}, but only {len(known)} classes.",
                    f"Number the classes from 0 to {len(known) - 1}.",
                )


def _check_unlabelled(train: set[Any], where: str) -> None:
    """Refuse -1 among labels from 0; -1 and 1 are two classes."""
    if _UNLABELLED in train and 0 in train:
        raise TaskError(
            f"{where} has the label -1, which means an image without a label.",
            "Remove these rows, or number the classes from 0.",
        )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return printable(str(value))


def _rank(value: Any) -> tuple[bool, Any]:
    return (True, value) if isinstance(value, int) else (False, str(value))
