"""Scores: what a network gets right on one split, added up on its device."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.loop.team import Team

TOP = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`top1_error`, a share in [0, 1], and `loss`, the mean cross-entropy in nats, on one split.

    `top5_error` is None where there are five classes or fewer.
    """

    top1_error: float
    loss: float
    top5_error: float | None = None


class Scores:
    """Sums over the batches of one split; nothing waits for the device before `result`."""

    def __init__(self, classes: int, device: torch.device) -> None:
        """Start from no images."""
        self._classes = classes
        self._sums = torch.zeros(4, device=device)  # errors, top-5 errors, summed loss, images
        self._counts = torch.zeros(classes * classes, dtype=torch.int64, device=device)

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Take in one batch: `logits` of shape (N, classes), `labels` of shape (N,)."""
        losses = F.cross_entropy(logits.float(), labels, reduction="none")
        guesses = logits.argmax(1)
        wrong = guesses != labels
        missed = wrong
        if self._classes > TOP:
            missed = (logits.topk(TOP, dim=1).indices != labels[:, None]).all(1)
        self._sums += torch.stack(
            [wrong.sum(), missed.sum(), losses.sum(), torch.ones_like(losses).sum()]
        )
        cells = labels * self._classes + guesses
        self._counts.scatter_add_(0, cells, torch.ones_like(cells))

    def gather(self, team: Team) -> None:
        """Take in what the other processes of `team` have seen."""
        team.add(self._sums, self._counts)

    def result(self) -> Evaluation:
        """Return the means."""
        errors, missed, loss, count = self._sums.tolist()
        top5 = missed / count if self._classes > TOP else None
        return Evaluation(errors / count, loss / count, top5)

    def confusion(self) -> list[list[int]]:
        """Return how many images of each class (row) were taken for each class (column)."""
        rows: list[list[int]] = self._counts.reshape(self._classes, self._classes).tolist()
        return rows
