"""Session: the training of one network, epoch by epoch; deterministic for a seed on a CPU thread.

Images in memory stay on the device as uint8, from one training to the next; each batch is cropped,
mirrored and scaled there as a whole. The loop never waits for the device: losses are summed there
and read once per epoch.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from nas.errors import TaskError
from nas.results import MOST_CLASSES
from nas.space import Layer, outputs_of
from nas.storage import File
from nas.study import PLAIN, ByClass, Profile
from nas.training.data import Augmentation, Scores, ScoresByClass, Split, Task
from nas.training.data.records import Files
from nas.training.loop.batches import Batch, Batches, EpochSteps
from nas.training.loop.data_parallel import (
    ALONE,
    Team,
    norms_of,
    share_norms,
    unsynchronised,
)
from nas.training.loop.decoders import lost_decoders_named
from nas.training.loop.devices import default_device
from nas.training.loop.epoch import EpochResult, EpochState
from nas.training.loop.memory_batches import NO_AUGMENTATION, cached_feed
from nas.training.loop.optimiser import Average, Optimiser
from nas.training.loop.recipe import Recipe
from nas.training.loop.stopwatch import Stopwatch, stopwatch
from nas.training.loop.streamed_batches import StreamFeed
from nas.training.loop.teaching import Teaching
from nas.training.network.module import Network, build
from nas.training.network.weights_file import load_fitting, load_weights, save_weights

_EVALUATION_BATCH = 128
_AVERAGE_BATCHES = 8  # at least, to compute the statistics of averaged weights


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

        `max_epochs` is the length of the schedule; `seed` determines the initial weights, the order
        of the images and their augmentation. A search sets `rungs` to its rung epochs. `between` is
        called after each step and each batch of a validation; if it raises an exception, the epoch
        can be continued from a checkpoint.

        Raises:
            ValueError: the layers do not fit the input or the outputs of the task.
        """
        ends = outputs_of(layers)
        other = len(ends) == 1 and ends[0].shape.channels != task.outputs
        if layers[0].shape != task.input or other:
            raise ValueError(f"layers for {layers[0].shape}, but the task has {task.input}")
        self._layers = layers
        self.task, self.recipe, self.max_epochs = task, recipe, max_epochs
        self.device = torch.device(device) if device else default_device()
        self.epoch = 0
        self.rungs: tuple[int, ...] = ()
        self.unfinished: EpochState | None = None  # the state of an epoch in progress
        self.between: Callable[[], None] = lambda: None
        self._teaching: Teaching | None = None
        self._stopwatch: Stopwatch | None = None
        self._unaccelerated = ""  # the reason why the network is not accelerated, if it is not
        self._seed = seed
        self._random = torch.Generator().manual_seed(seed)
        network = build(layers, self._random, recipe.zero_residuals)
        for norm in norms_of(network):
            norm.momentum = recipe.bn_momentum
        self.network: Network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._team, self._trained = ALONE, cast(nn.Module, self.network)
        self.average = Average(self.network, recipe.ema) if recipe.ema else None
        self.optimiser = Optimiser(self.network, recipe)
        augment = task.augment if recipe.augment else NO_AUGMENTATION
        self._full = self._feed(task.train, augment), self._feed(task.val)
        self._train, self._val = self._full
        self._steps = EpochSteps.of(len(self._train), recipe.batch_size, recipe.epoch_images)

    def join(self, team: Team) -> None:
        """Train with the other processes of `team`, which have the same session.

        Each batch is divided among them. Call this before any other method.

        Raises:
            TaskError: a batch cannot be divided.
        """
        if team.size == 1:
            return
        team.check(self.recipe.batch_size, len(self.task.train))
        share_norms(self.network)
        if self.average:
            share_norms(self.average.network)
        self._team, self._trained = team, team.wrap(self.network)

    def accelerate(self, accelerate: Callable[[Network], str]) -> None:
        """Let `accelerate` speed up the network; it returns the reason if it does not.

        Call this after `join`, before other methods. A network that several processes train is not
        changed, because its batch norms are shared.
        """
        if self._team.size > 1:
            self._unaccelerated = "several workers train it"
            return
        self._unaccelerated = accelerate(self.network)
        if self.average:
            accelerate(self.average.network)

    def start_from(self, weights: File, sha256: str) -> None:
        """Load the weights in a file that fit the network, except those of the last layers.

        Call this before any other method.

        Raises:
            WeightsError: the file is missing, broken or changed.
            TaskError: no weights fit.
        """
        last = [layer.name for layer in outputs_of(self._layers)]
        if not load_fitting(self.network, weights, sha256, last):
            raise TaskError(
                f"no weights in {weights} fit this network.",
                "Start from a training of the same architecture.",
            )
        if self.average:
            self.average = Average(self.network, self.recipe.ema)

    def learn_from(self, teaching: Teaching) -> None:
        """Train with these teachers, which must be those of the recipe."""
        self._teaching = teaching

    def profile(self) -> None:
        """Measure the time of each part of an epoch, for its `profile`.

        Without this call no clock is read within an epoch.
        """
        self._stopwatch = stopwatch(self.device)

    def show_at(self, side: int | None) -> None:
        """Train and validate at `side` pixels from the next epoch on; None: at the task's size."""
        feeds = self._full if side is None else tuple(feed.at(side) for feed in self._full)
        self._train, self._val = feeds

    @property
    def evaluated(self) -> Network:
        """The network that is evaluated and saved: the weight average if there is one."""
        return self.average.network if self.average else self.network

    @property
    def random(self) -> torch.Generator:
        """The generator of the order and the augmentation of the images."""
        return self._random

    @lost_decoders_named()
    def run_epoch(self, on_step: Callable[[int, int], None] | None = None) -> EpochResult:
        """Train for one epoch, or the rest of an unfinished one, then measure the validation split.

        `on_step(step, steps)` is called after each step is queued on the device.

        Raises:
            ValueError: the schedule of `max_epochs` is over, or the recipe has teachers and
                `learn_from` was not called.
        """
        if self.epoch >= self.max_epochs:
            raise ValueError(f"all {self.max_epochs} epochs are over")
        if self.recipe.teacher and self._teaching is None:
            raise ValueError("the recipe has teachers, but the session has none")
        state = self.unfinished or self._new_epoch()
        start = time.perf_counter() - state.seconds
        self.unfinished = state
        self._lap(None)
        try:
            train_loss = self._train_epoch(state, on_step)
            pace = self._images_of_epoch / (time.perf_counter() - start)
            found, scores = self._validate() if math.isfinite(train_loss) else ({}, None)
        finally:
            state.seconds = time.perf_counter() - start
        self.epoch, self.unfinished = self.epoch + 1, None
        return EpochResult(
            epoch=self.epoch,
            metrics=found,
            train_loss=train_loss,
            seconds=state.seconds,
            lr=self.optimiser.lr,
            images_per_second=pace,
            profile=self._read_laps(),
            by_class=self._by_class(scores),
        )

    def test(self) -> dict[str, float]:
        """Return the metrics on the test split; for the final report, never for selection."""
        return self.scores(self.task.test).result()

    @lost_decoders_named()
    def scores(self, split: Split | Files) -> Scores:
        """Return the scores of the network on `split`."""
        return self._evaluate(self._feed(split))

    @torch.inference_mode()
    def answers(self, split: Split | Files) -> Iterator[tuple[Any, Tensor]]:
        """Yield the outputs (1, ...) for each image of `split`, and its target, in order."""
        network = self.evaluated.eval()
        for images, targets in self._feed(split).ordered(1):
            with self._precision():
                yield network(images), targets[0]

    def save_weights(self, file: File) -> str:
        """Write the weights as a safetensors file, atomically; return its SHA-256.

        Raises:
            TaskError: the file cannot be written.
            StorageError: the storage cannot be reached, or refuses.
        """
        return save_weights(self.evaluated, file)

    def load_weights(self, path: File, sha256: str | None) -> None:
        """Load the weights in a file of `save_weights`; `sha256` is its hash, None: not checked.

        Raises:
            WeightsError: the file is missing, broken, has changed, or belongs to another network.
        """
        load_weights(self.evaluated, path, sha256)

    def _feed(self, split: Split | Files, augment: Augmentation = NO_AUGMENTATION) -> Batches:
        if isinstance(split, Split):
            return cached_feed(split, self.task, self.device, augment)
        recipe = self.recipe if augment != NO_AUGMENTATION else None
        return StreamFeed(split, self.task, self.device, recipe)

    @property
    def _images_of_epoch(self) -> int:
        return min(self._steps.of_epoch * self.recipe.batch_size, len(self._train))

    def _lap(self, part: str | None) -> None:
        """Add the time since the last call to the time of `part`; None: do not count it."""
        if self._stopwatch is None:
            return
        if part is None:
            self._stopwatch.start()
        else:
            self._stopwatch.lap(part)

    def _read_laps(self) -> Profile | None:
        if self._stopwatch is None:
            return None
        plain = {f"{PLAIN}{self._unaccelerated}": 1.0} if self._unaccelerated else {}
        return {**self._stopwatch.read(), "images": float(self._images_of_epoch), **plain}

    def _validate(self) -> tuple[dict[str, float], Scores]:
        """Measure the validation split, with batch-norm statistics of the current weights."""
        self._recalibrate()
        scores = self._evaluate(self._val)
        found = scores.result()
        self._lap("evaluation")
        return found, scores

    def _by_class(self, scores: Scores | None) -> ByClass | None:
        """Return the metrics of each class after the last epoch, if the task measures them."""
        last = self.epoch == self.max_epochs and self.task.outputs <= MOST_CLASSES
        return scores.by_class() if last and isinstance(scores, ScoresByClass) else None

    def _new_epoch(self) -> EpochState:
        loss = torch.zeros((), device=self.device)
        return EpochState(0, loss, self._random.get_state())

    def _train_epoch(self, state: EpochState, on_step: Callable[[int, int], None] | None) -> float:
        """Train for one epoch, or the rest of it; return its mean training loss."""
        self.network.train()
        steps = self._steps.of_epoch
        if state.steps:
            self._set_rate(state.steps / steps)  # for the result, if no step is left
        for step, (images, labels) in enumerate(self._batches(state), start=state.steps + 1):
            self._lap("data")
            self._set_rate(step / steps)
            state.loss += self._step(images, labels)
            if self.average:
                self.average.update()
            state.steps = step
            if not self._steps.in_pass(self.epoch, step):
                state.random = self._random.get_state()  # of the next pass
            self._lap("optimiser")
            if on_step is not None:
                on_step(step, steps)
                self._lap(None)
            self.between()
        total = state.loss.clone()
        self._team.add(total)
        return float(total) / steps / self._team.size

    def _batches(self, state: EpochState) -> Iterator[Batch]:
        """Yield the batches of the rest of an epoch, which may end in another pass than it began.

        Each pass is drawn again from the generator's state at its start, in every epoch of it.
        """
        size, steps = self.recipe.batch_size, self._steps
        while left := steps.of_epoch - state.steps:
            self._random.set_state(state.random)
            first = steps.in_pass(self.epoch, state.steps)
            yield from self._train.shuffled(
                size, self._random, team=self._team, skipped=first, until=first + left
            )
        self._random.set_state(state.random)

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take one optimiser step; return the detached loss, which stays on the device."""
        self.optimiser.zero_grad()
        smoothing, parts = self.recipe.label_smoothing, self.recipe.accumulation
        learn = self.task.goal.loss
        total = torch.zeros((), device=self.device)
        chunks = list(zip(images.chunk(parts), labels.chunk(parts), strict=True))
        for number, (some, theirs) in enumerate(chunks, start=1):
            last = number == len(chunks)
            with nullcontext() if last else unsynchronised(self._trained):
                with self._precision():
                    logits = self._trained(some)
                    wanted = self._teaching.probabilities(some) if self._teaching else None
                loss = learn(logits, theirs, smoothing)
                if self._teaching is not None and wanted is not None:
                    loss = self._teaching.loss(loss, logits, wanted)
                if parts > 1:
                    loss = loss * (len(theirs) / len(labels))
                self._lap("forward")
                loss.backward()  # type: ignore[no-untyped-call]
                self._lap("backward")
            total += loss.detach()
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        return total

    def _set_rate(self, part: float) -> None:
        """Set the learning rate of the step that ends when `part` of the epoch is finished."""
        epochs = self.epoch + part
        self.optimiser.lr = self.recipe.lr_at(epochs, self.max_epochs, self.rungs)

    @torch.no_grad()
    def _recalibrate(self) -> None:
        """Recompute the batch-norm statistics for the current weights.

        Running statistics lag many steps behind the weights, which greatly increases the error in
        a short schedule with a high rate. They are also computed from augmented images, whereas
        validation images are not augmented. Training does not use them.
        """
        least = _AVERAGE_BATCHES if self.average else 0
        batches = max(self.recipe.bn_batches, least)
        if not batches:
            return
        random = torch.Generator().manual_seed(self._seed)
        feed = self._train.shuffled(self.recipe.batch_size, random, False, self._team)
        network = self.evaluated
        norms = norms_of(network)
        for norm in norms:
            norm.reset_running_stats()
        network.train()
        seen = 0
        for images, _ in itertools.islice(feed, batches):
            for some in images.chunk(self.recipe.accumulation):
                seen += 1
                for norm in norms:  # a cumulative mean; with None, torch waits for the device
                    norm.momentum = 1 / seen
                with self._precision():
                    network(some)
                self.between()
        for norm in norms:
            norm.momentum = self.recipe.bn_momentum

    @torch.inference_mode()
    def _evaluate(self, feed: Batches) -> Scores:
        network = self.evaluated.eval()
        scores = self.task.goal.scores(self.device)
        size = max(1, _EVALUATION_BATCH // self.recipe.accumulation)
        for images, labels in feed.ordered(size, self._team):
            with self._precision():
                logits = network(images)
            scores.add(logits, labels)
            self.between()
        self._team.add(*scores.sums)
        return scores

    def _precision(self) -> AbstractContextManager[object]:
        """Return a context: bfloat16 on CUDA, with batch norms in float32; float32 on the CPU."""
        return torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda")
