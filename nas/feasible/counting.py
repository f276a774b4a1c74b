"""How many architectures one ceiling admits: exact integers, by convolution modulo primes.

The numbers of ways to spend a cost are the coefficients of a product of polynomials, one factor for
each stage. They have a hundred bits and more, so they are taken modulo several primes, convolved by
floating-point FFT with an error that is bounded below one half, and put together again at the end
by the Chinese remainder theorem. Stages before and after a middle are convolved apart, each on the
coarsest grid that holds their costs exactly. Where even that has too many cells, costs are rounded
down to a coarser grid: the counts are then exact counts of the rounded problem, and what rounding
can take off makes them bounds.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.feasible.options import Ints
from nas.feasible.reduced import Reduced

EXACT_CELLS = 600_000
QUICK_CELLS = 1 << 16
_ROUNDED_CELLS = 1 << 17
_DIRECT = 20_000_000
_MOST_BYTES = 1 << 27  # of the spectra that are held at a time
_LARGEST_PRIME = 1 << 25
_UNIT_ROUNDOFF = 2.0**-53

Residues = NDArray[np.int32]
Spectra = NDArray[np.complex128]


@dataclass(frozen=True)
class Count:
    """How many architectures there are: from `low` to `high`, exactly where both are equal.

    Between bounds that are not, `estimate` and its 95 % `interval` may say more.
    """

    low: int
    high: int
    estimate: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.low == self.high


@dataclass(frozen=True)
class _Move:
    """Ways from one width to another: `weights[i]` of them go `cells[i]` cells on."""

    source: int
    cells: Ints
    weights: Ints


@dataclass(frozen=True)
class _Level:
    """One stage: the moves into every target width, and the grid of the targets.

    `unit` is the size of a cell, `length` the number of cells, `error` the most that rounding down
    takes off one move.
    """

    unit: int
    length: int
    error: int
    moves: Mapping[int, Sequence[_Move]]


class LatticeCount:
    """Counts the architectures of a space by one cost; exactly where `exact` says so."""

    def __init__(self, reduced: Reduced, cells: int = EXACT_CELLS) -> None:
        """Build the tables; costs are rounded where the exact grid has more than `cells`."""
        assert reduced.num == 1
        assert not reduced.empty
        self._slack = int(reduced.slack[0])
        middle, levels = _plan(reduced, None)
        self.exact = max(level.length for level in levels) <= cells + 1
        if not self.exact:
            middle, levels = _plan(reduced, -(-self._slack // min(cells, _ROUNDED_CELLS)))
        self._error = sum(level.error for level in levels)
        self._primes = _primes(levels, reduced.total)
        self._offsets = {w: int(spent[0]) for w, spent in reduced.forward[middle].items()}
        ahead, behind = levels[:middle], levels[middle:][::-1]
        first = {reduced.stem: np.ones((len(self._primes), 1), dtype=np.int32)}
        ends = {w: np.ones((len(self._primes), 1), dtype=np.int32) for w in reduced.forward[-1]}
        self._front_unit, self._front = self._run(first, ahead)
        self._back_unit, back = self._run(ends, behind)
        moduli = np.array(self._primes)[:, None]
        self._back = {
            width: (np.cumsum(ways, axis=1, dtype=np.int64) % moduli).astype(np.int32)
            for width, ways in back.items()
        }

    def at_most(self, spent: int) -> tuple[int, int]:
        """Return bounds of the number of architectures that spend at most `spent`; equal if exact.

        `spent` is a reduced cost, at most the slack of the budget that the tables were made for.
        """
        assert spent <= self._slack
        high = self._ways(spent)
        return (high, high) if self.exact else (self._ways(spent - self._error), high)

    def about(self, spent: int) -> int:
        """Return about how many architectures spend at most `spent`; exactly if `exact`."""
        return self._ways(spent - self._error // 2)

    def between(self, low: int, high: int) -> tuple[int, int]:
        """Return bounds of the number of architectures that spend from `low` to `high`."""
        if low > high:
            return 0, 0
        below, up_to = self.at_most(low - 1), self.at_most(high)
        return max(0, up_to[0] - below[1]), up_to[1] - below[0]

    def _ways(self, spent: int) -> int:
        """Return the number of ways to spend at most `spent` on the grid."""
        residues = [0] * len(self._primes)
        for width, front in self._front.items():
            if width not in self._back:
                continue
            cells = np.flatnonzero(front.any(axis=0))
            left = (spent - self._offsets[width] - cells * self._front_unit) // self._back_unit
            cells, left = cells[left >= 0], left[left >= 0]
            back = self._back[width]
            left = np.minimum(left, back.shape[1] - 1)
            for index, prime in enumerate(self._primes):
                products = front[index, cells].astype(np.int64) * back[index, left] % prime
                residues[index] = (residues[index] + int(products.sum())) % prime
        return _chinese(residues, self._primes)

    def _run(
        self, ways: dict[int, Residues], levels: Sequence[_Level]
    ) -> tuple[int, dict[int, Residues]]:
        """Take ways (primes, cells) through `levels`; return the size of a cell and the ways."""
        unit = 1
        for level in levels:
            ways = {
                width: _regrid(found, unit // level.unit, level.length)
                for width, found in ways.items()
            }
            ways = _convolve(ways, level, self._primes)
            unit = level.unit
        return unit, ways


def _plan(reduced: Reduced, rounded: int | None) -> tuple[int, list[_Level]]:
    """Choose the middle that makes the tables smallest; return it and the levels on both sides."""
    slack = int(reduced.slack[0])
    ahead = _levels(_forward(reduced), slack, rounded)
    behind = _levels(_backward(reduced), slack, rounded)[::-1]
    work = [
        [level.length * sum(map(len, level.moves.values())) for level in side]
        for side in (ahead, behind)
    ]
    middle = min(
        range(1, len(ahead) + 1),
        key=lambda m: sum(work[0][:m]) + sum(work[1][m:]),
    )
    return middle, ahead[:middle] + behind[middle:]


_Raw = list[tuple[int, int, Ints, Ints]]  # source, target, costs, weights


def _forward(reduced: Reduced) -> Iterator[_Raw]:
    """Yield the moves of the stages by what they cost beyond the cheapest way to get there."""
    for index, stage in enumerate(reduced.stages):
        here, there = reduced.forward[index], reduced.forward[index + 1]
        yield [
            (
                width,
                int(after),
                (here[width] + steps.costs[chosen])[:, 0] - there[int(after)][0],
                steps.weights[chosen],
            )
            for width, steps in stage.items()
            for after in np.unique(steps.next_widths)
            for chosen in [steps.next_widths == after]
        ]


def _backward(reduced: Reduced) -> Iterator[_Raw]:
    """Yield the moves of the stages from the last, by what they cost beyond the cheapest way on."""
    for stage in reversed(reduced.stages):
        yield [
            (int(after), width, steps.costs[chosen][:, 0], steps.weights[chosen])
            for width, steps in stage.items()
            for after in np.unique(steps.next_widths)
            for chosen in [steps.next_widths == after]
        ]


def _levels(stages: Iterator[_Raw], slack: int, rounded: int | None) -> list[_Level]:
    """Put the moves on the coarsest grid that holds their sums, or on one of `rounded`."""
    levels = []
    unit = 0
    for raw in stages:
        for _, _, costs, _ in raw:
            unit = math.gcd(unit, int(np.gcd.reduce(costs)))
        size = rounded or unit or slack + 1
        error = 0
        moves: dict[int, list[_Move]] = {}
        for source, target, costs, weights in raw:
            cells, inverse = np.unique(costs // size, return_inverse=True)
            added = np.zeros(len(cells), dtype=np.int64)
            np.add.at(added, inverse.ravel(), weights)
            moves.setdefault(target, []).append(_Move(source, cells, added))
            error = max(error, int((costs % size).max(initial=0)))
        levels.append(_Level(size, slack // size + 1, error, moves))
    return levels


def _regrid(ways: Residues, finer: int, length: int) -> Residues:
    """Return ways (primes, cells) on a grid that is `finer` times finer, cut to `length`."""
    spread = np.zeros((len(ways), length), dtype=np.int32)
    fits = min(ways.shape[1], -(-length // max(finer, 1)))
    spread[:, : (fits - 1) * max(finer, 1) + 1 : max(finer, 1)] = ways[:, :fits]
    return spread


def _convolve(
    ways: Mapping[int, Residues], level: _Level, primes: Sequence[int]
) -> dict[int, Residues]:
    """Return the ways (primes, cells) to every target width, residues from 0 up."""
    steps = sum(
        len(move.cells) * int(np.count_nonzero(ways[move.source][0]))
        for moves in level.moves.values()
        for move in moves
    )
    moduli = np.array(primes)[:, None]
    if steps * len(primes) <= _DIRECT:
        return {
            target: _add_up(ways, moves, level.length, moduli)
            for target, moves in level.moves.items()
        }
    size = _fast_size(2 * level.length)
    together = max(1, _MOST_BYTES // (8 * size * len(ways)))
    groups = [slice(i, i + together) for i in range(0, len(primes), together)]
    parts = [
        _multiply({w: found[group] for w, found in ways.items()}, level, primes[group], size)
        for group in groups
    ]
    return {target: np.concatenate([part[target] for part in parts]) for target in level.moves}


def _multiply(
    ways: Mapping[int, Residues], level: _Level, primes: Sequence[int], size: int
) -> dict[int, Residues]:
    """Return the ways to every target width by FFT of `size` points."""
    moduli = np.array(primes)[:, None]
    waves = {
        source: np.fft.rfft(found - moduli * (found > moduli // 2), size)
        for source, found in ways.items()
    }
    result = {}
    for target, moves in level.moves.items():
        wave = np.zeros((len(primes), size // 2 + 1), dtype=complex)
        for move in moves:
            factor = np.fft.rfft(np.bincount(move.cells, move.weights), size)
            for index, source in enumerate(waves[move.source]):
                wave[index] += factor * source
        result[target] = _rounded(wave, size, level.length, primes)
    return result


def _rounded(wave: Spectra, size: int, length: int, primes: Sequence[int]) -> Residues:
    """Return the residues behind a spectrum, whose rounding error `_primes` keeps below 1/4."""
    found = np.empty((len(primes), length), dtype=np.int32)
    for index, prime in enumerate(primes):
        values = np.fft.irfft(wave[index], size)[:length]
        whole = np.rint(values)
        assert np.abs(values - whole).max(initial=0) < 0.25
        found[index] = np.mod(whole, prime)
    return found


def _add_up(
    ways: Mapping[int, Residues], moves: Sequence[_Move], length: int, moduli: Ints
) -> Residues:
    """Return the ways to one target, move by move: the way for sparse tables."""
    result = np.zeros((len(moduli), length), dtype=np.int64)
    for move in moves:
        source = ways[move.source].astype(np.int64)
        held = np.flatnonzero(source.any(axis=0))
        inside = move.cells < length
        cells, weights = move.cells[inside], move.weights[inside] % moduli
        if len(held) <= len(cells):
            for cell in held:
                fits = np.searchsorted(cells, length - cell)
                result[:, cells[:fits] + cell] += weights[:, :fits] * source[:, cell, None] % moduli
        else:
            for cell, weight in zip(cells, weights.T, strict=True):
                to = held[: np.searchsorted(held, length - cell)]
                result[:, to + cell] += weight[:, None] * source[:, to] % moduli
        result %= moduli
    return result.astype(np.int32)


def _primes(levels: Sequence[_Level], total: int) -> list[int]:
    """Return primes whose product exceeds `total`, small enough for every FFT to round correctly.

    The error of an FFT convolution of n points is at most about 13 log2(n) units of roundoff times
    the product of the 2-norms (Percival 2003, Brent, Percival and Zimmermann 2007); 32 are allowed
    for, against an error of 1/4. Residues are at most half a prime.
    """
    most = float(_LARGEST_PRIME)
    for level in levels:
        size = _fast_size(2 * level.length)
        for moves in level.moves.values():
            norm = sum(float(np.linalg.norm(move.weights.astype(float))) for move in moves)
            error = 32 * _UNIT_ROUNDOFF * math.log2(size) * norm * math.sqrt(level.length) / 2
            most = min(most, 0.25 / error)
    primes: list[int] = []
    candidate = int(most) | 1
    while math.prod(primes) <= total:
        candidate -= 2
        assert candidate > 1000, "too many options for exact counting"
        if all(candidate % d for d in range(3, math.isqrt(candidate) + 1, 2)):
            primes.append(candidate)
    return primes


def _chinese(residues: Sequence[int], primes: Sequence[int]) -> int:
    """Return the number below the product of `primes` that has these residues."""
    found, product = 0, 1
    for residue, prime in zip(residues, primes, strict=True):
        found += product * ((residue - found) * pow(product, -1, prime) % prime)
        product *= prime
    return found


def _fast_size(least: int) -> int:
    """Return an even number from `least` up whose only factors are 2, 3 and 5."""
    best = 1 << max(1, (least - 1).bit_length())
    five = 1
    while five < best:
        three = five
        while three < best:
            rest = -(-least // three)
            size = three << max(1, (rest - 1).bit_length())
            best = min(best, size)
            three *= 3
        five *= 5
    return best
