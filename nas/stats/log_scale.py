"""Losses on the logarithmic scale on which models are fitted to them."""

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-4  # added before the logarithm: one error in 10,000 images
_OUTLIER = 4.0  # standard deviations above the median; diverged trainings exceed it


def log_losses(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of losses; the losses themselves if one is negative."""
    if losses.size and losses.min() >= 0:
        logs: NDArray[np.float64] = np.log(losses + _FLOOR)
        return logs
    return losses


def loss_of_log(value: float, positive: bool) -> float:
    """Return the loss that `log_losses` maps to `value`; `positive` if no loss was negative."""
    return max(0.0, float(np.exp(value)) - _FLOOR) if positive else value


def clip_outliers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with upper outliers clipped, so that a single one has little influence."""
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    clipped: NDArray[np.float64] = (
        np.minimum(values, middle + _OUTLIER * spread) if spread > 0 else values
    )
    return clipped
