"""After an out-of-memory error, train with the same batches in smaller parts."""

import gc
from dataclasses import replace

import torch

from nas.training.loop.recipe import Recipe


def in_halves(recipe: Recipe) -> Recipe | None:
    """Return `recipe` with twice as many parts per batch; None if a part would be one image.

    The optimiser step is the same: gradients are accumulated over the parts.
    """
    parts = 2 * recipe.accumulation
    return None if recipe.batch_size // parts < 2 else replace(recipe, accumulation=parts)


def halving_note(recipe: Recipe) -> str:
    """Return the note about a training by `recipe`, a result of `in_halves`."""
    size, parts = recipe.batch_size, recipe.accumulation
    return f"out of memory: batches of {size} in {parts} parts of {size // parts}"


def free_memory() -> None:
    """Free unused memory, on the GPU too, where other processes may need it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
