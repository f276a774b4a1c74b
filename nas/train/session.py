"""Session: one network in training, epoch by epoch, deterministic for a seed on a CPU thread.

The images stay on the device as bytes; each batch is cropped, mirrored and scaled there, all
images at once. Nothing in the loop waits for the device: losses add up there and are read once an
epoch.
"""

import hashlib
import itertools
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nas.errors import TaskError
from nas.layers import Layer
from nas.train.data import Task
from nas.train.devices import default_device
from nas.train.feed import NO_AUGMENTATION, Feed
from nas.train.files import write_whole
from nas.train.network import Network, build
from nas.train.recipe import Recipe

_EVALUATION_BATCH = 128


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`top1_error`, a share in [0, 1], and `loss`, the mean cross-entropy in nats, on one split."""

    top1_error: float
    loss: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What one epoch gave: `top1_error` and `loss` on the validation split.

    `epoch` counts from 1; `train_loss` is the mean of the losses that were minimised, label
    smoothing and augmentation included; `seconds` is what training and validation took.
    """

    epoch: int
    top1_error: float
    loss: float
    train_loss: float
    seconds: float


class Session:
    """One network, its optimiser and its data, on one device."""

    def __init__(
        self,
        layers: Sequence[Layer],
        task: Task,
        recipe: Recipe,
        max_epochs: int,
        seed: int,
        device: torch.device | str | None = None,
    ) -> None:
        """Build the network of `layers`, which must be lowered for the input of `task`.

        `max_epochs` is the length of the schedule; `seed` draws the weights, the order of the
        images and their augmentation.
        """
        if layers[0].shape != task.input or layers[-1].shape.channels != task.classes:
            raise ValueError(f"layers for {layers[0].shape}, but the task has {task.input}")
        self.task, self.recipe, self.max_epochs = task, recipe, max_epochs
        self.device = torch.device(device) if device else default_device()
        self.epoch = 0
        self._seed = seed
        self._random = torch.Generator().manual_seed(seed)
        network = build(layers, self._random)
        self._norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
        for norm in self._norms:
            norm.momentum = recipe.bn_momentum
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = _optimizer(self.network, recipe)
        augment = task.augment if recipe.augment else NO_AUGMENTATION
        self._train = Feed(task.train, task, self.device, augment)
        self._val = Feed(task.val, task, self.device)

    def run_epoch(self) -> EpochResult:
        """Train for one epoch, then measure the validation split.

        Raises:
            ValueError: the schedule of `max_epochs` is over.
        """
        if self.epoch >= self.max_epochs:
            raise ValueError(f"all {self.max_epochs} epochs are over")
        start = time.perf_counter()
        train_loss = self._train_epoch()
        self.epoch += 1
        self._recalibrate()
        found = self._evaluate(self._val)
        seconds = time.perf_counter() - start
        return EpochResult(self.epoch, found.top1_error, found.loss, train_loss, seconds)

    def test(self) -> Evaluation:
        """Measure the test split; for the final report only, never for a choice."""
        return self._evaluate(Feed(self.task.test, self.task, self.device))

    def save_weights(self, path: Path) -> str:
        """Write the weights as safetensors, whole or not at all; return the file's SHA-256.

        Raises:
            TaskError: the file cannot be written.
        """
        return save_weights(self.network, path)

    def load_weights(self, path: Path) -> None:
        """Take over the weights in a file of `save_weights`.

        Raises:
            TaskError: the file is missing, broken, or belongs to another network.
        """
        load_weights(self.network, path)

    def _train_epoch(self) -> float:
        """Return the mean training loss of one epoch."""
        self.network.train()
        steps = self._train.steps(self.recipe.batch_size)
        batches = self._train.shuffled(self.recipe.batch_size, self._random)
        total = torch.zeros((), device=self.device)
        for step, (images, labels) in enumerate(batches, start=1):
            lr = self.recipe.lr_at(self.epoch + step / steps, self.max_epochs)
            for group in self._optimizer.param_groups:
                group["lr"] = lr
            total += self._step(images, labels)
        return float(total) / steps

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take one optimiser step; return the detached loss, which stays on the device."""
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision():
            logits = self.network(images)
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def _recalibrate(self) -> None:
        """Measure the batch-norm statistics of the weights as they are now.

        Running statistics trail the weights by many steps, which in a short schedule with a high
        learning rate decides the error; and they saw augmented images, validation is of plain
        ones. Training itself never reads them.
        """
        if not self.recipe.bn_batches:
            return
        random = torch.Generator().manual_seed(self._seed)
        batches = self._train.shuffled(self.recipe.batch_size, random, augmented=False)
        for norm in self._norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches from here
        self.network.train()
        for images, _ in itertools.islice(batches, self.recipe.bn_batches):
            with self._precision():
                self.network(images)
        for norm in self._norms:
            norm.momentum = self.recipe.bn_momentum

    @torch.inference_mode()
    def _evaluate(self, feed: Feed) -> Evaluation:
        self.network.eval()
        found = torch.zeros(3, device=self.device)  # errors, summed loss, images
        for images, labels in feed.ordered(_EVALUATION_BATCH):
            with self._precision():
                logits = self.network(images)
            losses = F.cross_entropy(logits.float(), labels, reduction="none")
            wrong = logits.argmax(1) != labels
            found += torch.stack([wrong.sum(), losses.sum(), torch.ones_like(losses).sum()])
        errors, loss, count = found.tolist()
        return Evaluation(errors / count, loss / count)

    def _precision(self) -> AbstractContextManager[object]:
        """Half precision on CUDA, batch norms in single; single on the CPU, where it is quicker."""
        return torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda")


def save_weights(network: nn.Module, path: Path) -> str:
    """Write the weights as safetensors, whole or not at all; return the file's SHA-256.

    Raises:
        TaskError: the file cannot be written.
    """
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    digest = ""

    def write(temporary: Path) -> None:
        nonlocal digest
        save_file(weights, temporary)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()

    try:
        write_whole(path, write)
    except (OSError, SafetensorError) as error:
        raise TaskError(
            f"the weights cannot be written to {path} ({error}).",
            "Free the disk, or choose a folder that you may write to.",
        ) from error
    return digest


def load_weights(network: nn.Module, path: Path) -> None:
    """Take over the weights in a file that `save_weights` wrote for an equal network.

    Raises:
        TaskError: the file is missing, broken, or belongs to another network.
    """
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise TaskError(
            f"{path} does not hold the weights of this network "
            f"({str(error).strip().splitlines()[0][:120]}).",
            "Give the file that was saved for this trial.",
        ) from error


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.SGD:
    """Return SGD with Nesterov momentum whose weight decay spares batch norms and biases."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    spared = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, foreach=True
    )
