"""The surrogate: a Gaussian process with few kernel parameters, fitted by likelihood.

k = a0 k_A k_B + a1 k_A + a2 k_B, with k_G = exp(-d_G / l_G) over the squared distances of the two
groups of features: a term that is smooth in the choices, one that is smooth in the costs, and an
interaction. Six parameters can be learnt from ten networks; one length for each of fifty choices
could not. Every row may have its own noise in addition to the common noise. (Rasmussen and Williams
2006, chapters 2 and 5.)

The residual of the kernel is partly due to the seed, and partly a property of the network, which a
further training would repeat. One training of each network cannot separate the two; a quarter of
the residual variance is attributed to the network. So the estimate of a network that is better than
similar ones is somewhat better than theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from nas.samplers.predictor.features import Floats, Ints, squared_distances

# Logarithms of the lengths l_A and l_B, the amplitudes a0, a1 and a2, and the noise variance.
PRIOR = np.array([0.0, 0.0, np.log(0.5), np.log(0.5), np.log(0.5), np.log(0.05)])
_SPREAD = np.array([1.5, 1.5, 1.0, 1.0, 1.0, 1.5])
_OWN = 0.25  # the share of the residual variance that is attributed to the network
_JITTER = 1e-6
_STEPS = 30


@dataclass(frozen=True)
class Rows:
    """Points of both groups of features, each scaled to unit mean squared distance.

    Squared distances of `choices` are multiplied by `unit`, which is faster than scaling the array.
    """

    choices: Floats
    profile: Floats
    unit: float = 1.0

    def take(self, index: Ints) -> "Rows":
        """Return some of the rows."""
        return Rows(self.choices[index], self.profile[index], self.unit)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.choices)


class Surrogate:
    """The posterior of one objective, given `rows`, `values` and the extra noise of each value.

    `values` and `noise` (variances, in squared units of the values) have shape (n,).
    """

    def __init__(self, rows: Rows, values: Floats, noise: Floats, theta: Floats) -> None:
        """Condition on the values with kernel parameters `theta` (logarithms, as in PRIOR)."""
        self._rows, self._theta, self._values, self._extra = rows, theta, values, noise
        self._mean, self._scale = _standard(values, noise)
        standard = (values - self._mean) / self._scale
        self._kernel = _kernel(theta, distances_of(rows, rows))
        noisy = self._kernel.copy()
        noisy[np.diag_indices_from(noisy)] += _noise(theta, noise / self._scale**2)
        self._factor = cho_factor(noisy, lower=True)
        self._weights = cho_solve(self._factor, standard)
        self._asked: tuple[Rows, Floats, Floats] | None = None

    @property
    def noise(self) -> float:
        """The standard deviation of a measurement around a network's true value."""
        return float(np.sqrt((1 - _OWN) * self._unexplained))

    @property
    def _unexplained(self) -> float:
        return self._scale**2 * float(np.exp(self._theta[5]))

    def posterior_means(self) -> Floats:
        """Return the posterior mean of the true values of the trained networks, (n,).

        It includes the part of the residuals that is attributed to the networks.
        """
        explained = self._mean + self._scale * (self._kernel @ self._weights)
        share = _OWN * self._unexplained / (self._unexplained + self._extra)
        means: Floats = explained + share * (self._values - explained)
        return means

    def covariance(self, rows: Rows, learnt: Ints) -> Floats:
        """Return the posterior covariance of new networks with trained ones of index `learnt`.

        It is the covariance (n, k) of the parts of their true values that the kernel explains.
        """
        cross, explained = self._explained(rows)
        theirs = solve_triangular(self._factor[0], self._kernel[:, learnt], lower=True)
        covariance: Floats = self._scale**2 * (cross[:, learnt] - explained.T @ theirs)
        return covariance

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the true values of new networks, each (n,)."""
        cross, explained = self._explained(rows)
        total = float(np.exp(self._theta[2:5]).sum())
        variance = np.maximum(total - (explained**2).sum(axis=0), 1e-10)
        mean: Floats = self._mean + self._scale * (cross @ self._weights)
        deviation: Floats = np.sqrt(self._scale**2 * variance + _OWN * self._unexplained)
        return mean, deviation

    def _explained(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return the prior covariance with the trained networks, and its solution by the factor."""
        if self._asked is None or self._asked[0] is not rows:  # the last rows are cached
            cross = _kernel(self._theta, distances_of(rows, self._rows))
            explained = solve_triangular(self._factor[0], cross.T, lower=True)
            self._asked = rows, cross, explained
        return self._asked[1:]


def fit(rows: Rows, values: Floats, noise: Floats) -> Floats:
    """Return the kernel parameters of maximum posterior density, by gradient descent."""
    distances = distances_of(rows, rows)
    mean, scale = _standard(values, noise)
    standard, extra = (values - mean) / scale, noise / scale**2
    found = minimize(
        fit_loss, PRIOR, (distances, standard, extra), jac=True, method="L-BFGS-B",
        bounds=[(centre - 4 * width, centre + 4 * width)
                for centre, width in zip(PRIOR, _SPREAD, strict=True)],
        options={"maxiter": _STEPS},
    )  # fmt: skip
    theta: Floats = found.x
    return theta


def _standard(values: Floats, noise: Floats) -> tuple[float, float]:
    """Return mean and deviation of the values; values with less extra noise have more weight."""
    weights = 1.0 / (1.0 + noise / (np.median(noise) + values.var() + 1e-12))
    mean = float(np.average(values, weights=weights))
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    return mean, max(spread, 1e-9)


def distances_of(one: Rows, other: Rows) -> tuple[Floats, Floats]:
    """Return the squared distances of n and m rows in choices and in profile, each (n, m)."""
    choices = squared_distances(one.choices, other.choices)
    choices *= one.unit
    return choices, squared_distances(one.profile, other.profile)


def _noise(theta: Floats, extra: Floats) -> Floats:
    variances: Floats = np.exp(theta[5]) + _JITTER + extra
    return variances


def _kernel(theta: Floats, distances: Sequence[Floats]) -> Floats:
    first, second = (_decayed(d, np.exp(t)) for d, t in zip(distances, theta[:2], strict=True))
    both, one, two = np.exp(theta[2:5])
    kernel: Floats = both * first  # in place from here on, to save memory
    kernel *= second
    first *= one
    second *= two
    kernel += first
    kernel += second
    return kernel


def _decayed(distances: Floats, length: float) -> Floats:
    decayed: Floats = -distances
    decayed /= length
    return np.exp(decayed, out=decayed)


def fit_loss(
    theta: Floats, distances: tuple[Floats, Floats], values: Floats, extra: Floats
) -> tuple[float, Floats]:
    """Return the negative log posterior density of `theta`, and its gradient."""
    lengths, amplitudes = np.exp(theta[:2]), np.exp(theta[2:5])
    first, second = map(_decayed, distances, lengths)
    both = first * second  # in place from here on, to save memory
    both *= amplitudes[0]
    first *= amplitudes[1]
    second *= amplitudes[2]
    kernel = both + first
    kernel += second
    kernel[np.diag_indices_from(kernel)] += _noise(theta, extra)
    away = (theta - PRIOR) / _SPREAD
    try:
        factor = cho_factor(kernel, lower=True)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    weights = cho_solve(factor, values)
    loss = 0.5 * float(values @ weights) + float(np.log(np.diag(factor[0])).sum())
    inner = cho_solve(factor, np.eye(len(values))) - np.outer(weights, weights)
    gradient = []
    for part, apart, length in zip((first, second), distances, lengths, strict=True):
        slope = both + part
        slope *= apart
        slope /= length
        gradient.append(0.5 * float(np.sum(inner * slope)))
    gradient += [0.5 * float(np.sum(inner * part)) for part in (both, first, second)]
    gradient.append(0.5 * float(np.exp(theta[5]) * np.trace(inner)))
    return loss + 0.5 * float(away @ away), np.array(gradient) + away / _SPREAD
