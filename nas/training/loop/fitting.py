"""Fitting: the settings of a default recipe that depend on the length of the schedule.

A schedule of E epochs over N images shows N x E images. If it shows few, small batches take more
steps and learn more; if it shows many, larger batches cost no error and are quicker on a GPU. In a
few epochs a small network does not overfit, so that augmentation and label smoothing only slow it
down. `benchmarks/results/recipe.md` has the measurements.
"""

import math
from dataclasses import replace
from typing import Any

from nas.training.loop.batches import steps_of_epoch
from nas.training.loop.recipe import Recipe

_BATCHES = ((250_000, 32), (1_000_000, 64), (20_000_000, 128))  # (shown images below, batch size)
_LARGEST = 256
_RATE = 0.1 / math.sqrt(32)  # peak, times the square root of the batch size
_WARMUP = (0.1, 800)  # at most this share of the schedule, and so many steps
_LONG = 12  # epochs, from which images are augmented and labels smoothed
_SMOOTHING = 0.1
_RECALIBRATED = 1024  # images that recompute the batch-norm statistics


def fitted(recipe: Recipe, images: int, epochs: int) -> Recipe:
    """Return `recipe` with the fields of its `by_schedule` set for `epochs` over `images`.

    Rate, warm-up and the batches for statistics follow the batch size, also one that is not
    fitted. The rate grows with its square root (Krizhevsky 2014), and the warm-up is a number of
    steps. Equal arguments give an equal recipe; a fitted recipe can be fitted again, for any
    schedule, with the result of the original.
    """
    size = recipe.batch_size
    if "batch_size" in recipe.by_schedule:
        size = _batch_size(images * epochs, 2 * recipe.accumulation)
    steps = steps_of_epoch(images, size)
    share, most = _WARMUP
    chosen: dict[str, Any] = {
        "batch_size": size,
        "lr": round(_RATE * math.sqrt(size), 4),
        "warmup_epochs": round(min(share * epochs, most / steps), 4),
        "label_smoothing": _SMOOTHING if epochs >= _LONG else 0.0,
        "bn_batches": max(1, _RECALIBRATED // size),
        "augment": epochs >= _LONG,
    }
    return replace(recipe, **{name: chosen[name] for name in recipe.by_schedule})


def _batch_size(shown: int, least: int) -> int:
    """Return the size of a batch for a schedule that shows so many images, `least` or more."""
    return max(least, next((size for below, size in _BATCHES if shown < below), _LARGEST))
