"""Agreement of two rankings of networks: Spearman's rho with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]

DRAWS = 2000
INSIDE = 95.0  # percent of the draws


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Tell whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Judge:
    """Compares scores with the truth: losses of the same networks under several seeds.

    `truth` has a row for each network and a column for each seed. A score of seed s is compared
    with the mean over the other seeds, so that no run is compared with itself; with several seeds,
    the correlations are averaged. All bootstrap draws are of networks, the same for every score,
    so that differences are paired.
    """

    def __init__(self, truth: Array, seed: int = 0, draws: int = DRAWS) -> None:
        rng = np.random.default_rng([seed, 0xB007])
        self._truth = truth
        self._draws = rng.integers(0, len(truth), (draws, len(truth)))

    def spearman(self, score: Array) -> Interval:
        """Return Spearman's rho of `score` (networks, seeds): 1 for the same order."""
        return self._interval(*self._over(score))

    def gain(self, score: Array, other: Array, of: "Judge | None" = None) -> Interval:
        """Return by how much the rho of `score` exceeds that of `other`, paired by network.

        `other` is compared with the truth of `of`, this one if not given.
        """
        value, draws = self._over(score)
        base, base_draws = (of or self)._over(other)
        return self._interval(value - base, draws - base_draws)

    def _over(self, score: Array) -> tuple[float, Array]:
        """Return the mean correlation over the seeds, and the same for every draw."""
        seeds = self._truth.shape[1]
        values, drawn = [], []
        for seed in range(score.shape[1]):
            others = self._truth[:, [other for other in range(seeds) if other != seed]].mean(axis=1)
            mine = score[:, seed]
            values.append(spearman(mine[None], others[None])[0])
            drawn.append(spearman(mine[self._draws], others[self._draws]))
        return float(np.mean(values)), np.mean(drawn, axis=0)

    @staticmethod
    def _interval(value: float, draws: Array) -> Interval:
        tail = (100 - INSIDE) / 2
        low, high = np.nanpercentile(draws, [tail, 100 - tail])
        return Interval(value, float(low), float(high))


def spearman(one: Array, other: Array) -> Array:
    """Return rho for each row of two (draws, networks) arrays; NaN where a row is constant."""
    ranks = [rankdata(rows, axis=1) for rows in (one, other)]
    one, other = (rows - rows.mean(axis=1, keepdims=True) for rows in ranks)
    above, square = (one * other).sum(axis=1), (one**2).sum(axis=1) * (other**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, above / np.sqrt(square), np.nan)
