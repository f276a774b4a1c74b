"""The loss and the metrics of a task, and those of a classification."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.metrics import LOSS, TOP1_ERROR
from nas.study import ByClass

TOP = 5


class Scores(Protocol):
    """Sums over the batches of one split, on their device."""

    def add(self, outputs: Any, targets: Tensor) -> None:
        """Add one batch: the outputs of the network, and `targets`, (N, ...).

        `outputs` is a tensor (N, outputs), or a tuple of maps if the head has several.
        """
        ...

    @property
    def sums(self) -> tuple[Tensor, ...]:
        """All sums; processes that share a split replace them, in place, by their totals."""
        ...

    def result(self) -> dict[str, float]:
        """Return the metrics by name; only this call waits for the device."""
        ...

    def details(self) -> Mapping[str, Any]:
        """Return the other parts of a result as plain data; may be empty."""
        ...


@runtime_checkable
class ScoresByClass(Scores, Protocol):
    """Scores that also have metrics of each class.

    The metrics are recorded with the last epoch of each training and shown as a table. `details`
    also has them, as `by_class`, for the table of the test split.
    """

    def by_class(self) -> ByClass:
        """Return metrics by name for each class by name, `{"dog": {"map": 0.3}}`."""
        ...


class Problem(Protocol):
    """The training loss and the scores of a network's outputs."""

    def loss(self, outputs: Any, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the mean loss of a batch; the arguments are as in `Scores.add`.

        `smoothing` is the label smoothing; problems without labels ignore it.
        """
        ...

    def scores(self, device: torch.device) -> Scores:
        """Return scores to which no image has been added."""
        ...


class Classification:
    """Classification: cross-entropy, top-1 error, and top-5 error of more than 5 classes."""

    def __init__(self, classes: int) -> None:
        """Set the number of classes."""
        self.classes = classes

    def loss(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the mean cross-entropy of logits (N, classes) for labels (N,)."""
        return F.cross_entropy(outputs.float(), targets, label_smoothing=smoothing)

    def scores(self, device: torch.device) -> "ClassScores":
        """Return scores to which no image has been added."""
        return ClassScores(self.classes, device)


class ClassScores:
    """Errors, top-5 errors, cross-entropies and the confusion matrix of one split."""

    def __init__(self, classes: int, device: torch.device) -> None:
        """Start from no images."""
        self._classes = classes
        self._sums = torch.zeros(4, device=device)  # errors, top-5 errors, summed loss, images
        self._counts = torch.zeros(classes * classes, dtype=torch.int64, device=device)

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Add one batch: logits of shape (N, classes), labels of shape (N,)."""
        losses = F.cross_entropy(outputs.float(), targets, reduction="none")
        guesses = outputs.argmax(1)
        wrong = guesses != targets
        missed = wrong
        if self._classes > TOP:
            missed = (outputs.topk(TOP, dim=1).indices != targets[:, None]).all(1)
        self._sums += torch.stack(
            [wrong.sum(), missed.sum(), losses.sum(), torch.ones_like(losses).sum()]
        )
        cells = targets * self._classes + guesses
        self._counts.scatter_add_(0, cells, torch.ones_like(cells))

    @property
    def sums(self) -> tuple[Tensor, ...]:
        """The sums and the counts of the confusion matrix."""
        return self._sums, self._counts

    def result(self) -> dict[str, float]:
        """Return `top1_error`, `loss`, and `top5_error` if there are more than five classes."""
        errors, missed, loss, count = self._sums.tolist()
        found = {TOP1_ERROR.name: errors / count, LOSS.name: loss / count}
        return {**found, "top5_error": missed / count} if self._classes > TOP else found

    def details(self) -> dict[str, list[list[int]]]:
        """Return the confusion matrix: counts by true class (row) and predicted class (column)."""
        rows: list[list[int]] = self._counts.reshape(self._classes, self._classes).tolist()
        return {"confusion": rows}
