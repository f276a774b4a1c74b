"""Set the fields of a default recipe that depend on the length of the schedule.

A schedule of E epochs over N images shows N x E images. If N x E is small, small batches give more
steps and a lower error; if it is large, larger batches do not increase the error and are faster on
a GPU.
In a few epochs a small network does not overfit, so that augmentation and label smoothing only slow
its learning. `benchmarks/results/recipe.md` has the measurements.
"""

import math
from dataclasses import replace
from typing import Any

from nas.training.loop.batches import steps_of_pass
from nas.training.loop.recipe import Recipe

_BATCHES = ((250_000, 32), (1_000_000, 64), (20_000_000, 128))  # (shown images below, batch size)
_LARGEST = 256
_RATE = 0.1 / math.sqrt(32)  # the peak learning rate over the square root of the batch size
_WARMUP = (0.1, 800)  # the largest share of the schedule, and the largest number of steps
_LONG = 12  # the least number of passes for which images are augmented and labels smoothed
_SMOOTHING = 0.1
_RECALIBRATED = 1024  # images from which the batch-norm statistics are recomputed


def fitted(recipe: Recipe, images: int, epochs: int) -> Recipe:
    """Return `recipe` with the fields of its `by_schedule` set for `epochs` over `images`.

    If an epoch of the recipe has fewer images, it is fitted to these.

    Learning rate, warm-up and the batches for statistics depend on the batch size, even if it is
    not fitted. The rate grows with its square root (Krizhevsky 2014), and the warm-up is limited in
    steps. Equal arguments give an equal recipe. Fitting a fitted recipe again gives the same result
    as fitting the original.
    """
    of_epoch = min(images, recipe.epoch_images or images)
    shown = of_epoch * epochs
    passes = shown / images
    size = recipe.batch_size
    if "batch_size" in recipe.by_schedule:
        size = _batch_size(shown, 2 * recipe.accumulation)
    steps = steps_of_pass(of_epoch, size)
    share, most = _WARMUP
    chosen: dict[str, Any] = {
        "batch_size": size,
        "lr": round(_RATE * math.sqrt(size), 4),
        "warmup_epochs": round(min(share * epochs, most / steps), 4),
        "label_smoothing": _SMOOTHING if passes >= _LONG else 0.0,
        "bn_batches": max(1, _RECALIBRATED // size),
        "augment": passes >= _LONG,
    }
    return replace(recipe, **{name: chosen[name] for name in recipe.by_schedule})


def _batch_size(shown: int, least: int) -> int:
    """Return the batch size, at least `least`, for a schedule that shows `shown` images."""
    return max(least, next((size for below, size in _BATCHES if shown < below), _LARGEST))
