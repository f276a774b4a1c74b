"""Memory: what a training does where it does not suffice: the same batches, in smaller parts."""

import gc
from dataclasses import replace

import torch

from nas.training.loop.recipe import Recipe


def in_halves(recipe: Recipe) -> Recipe | None:
    """Return `recipe` with its batches in twice as many parts; None if one would be one image.

    The step is that of the whole batch: gradients add up over the parts.
    """
    parts = 2 * recipe.accumulation
    return None if recipe.batch_size // parts < 2 else replace(recipe, accumulation=parts)


def halving_note(recipe: Recipe) -> str:
    """Return what a record says of a training by `recipe`, which came from `in_halves`."""
    size, parts = recipe.batch_size, recipe.accumulation
    return f"out of memory: batches of {size} in {parts} parts of {size // parts}"


def free_memory() -> None:
    """Give up what nothing holds any more, on the GPU too, where other processes may want it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
