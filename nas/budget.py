"""Budgets: what the user may spend on each cost, and the gate that holds architectures to it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.cost import Cost
from nas.errors import BudgetError

_UNITS = {
    "flops": "madds", "madds": "madds", "macs": "madds", "params": "params", "acts": "acts",
}  # fmt: skip
_PREFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_REMEDY = (
    "Write a number with K, M or G and a unit, such as 300M-flops (= madds = macs), 3.5M-params "
    "or 5M-acts."
)


@dataclass(frozen=True, order=True)
class Constraint:
    """A ceiling on one cost: `limit` multiply-adds, parameters or activations."""

    cost: str
    limit: int

    def admits(self, cost: Cost) -> bool:
        """Tell whether `cost` is within the ceiling."""
        return int(getattr(cost, self.cost)) <= self.limit

    def __str__(self) -> str:
        """Return the form that `parse_budget` reads back to the same limit."""
        return f"{_exact(self.limit)}-{self.cost}"


def parse_budget(text: str) -> Constraint:
    """Read one ceiling: `300M-flops`, `300M-madds`, `0.3G-macs`, `3.5M-params`, `5M-acts`.

    Flops, madds and macs are one unit: multiply-adds of convolution and linear layers.

    Raises:
        BudgetError: anything else, with what may be written.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([KMG]?)-([a-z]+)", text.strip())
    if not match or match[3] not in _UNITS:
        raise BudgetError(f"{text!r} is no budget.", _REMEDY)
    whole, _, fraction = match[1].partition(".")
    scale = _PREFIXES[match[2]]
    limit = int(whole) * scale + int(fraction or 0) * scale // 10 ** len(fraction)
    if limit < 1:
        raise BudgetError(f"the budget {text!r} is less than 1.", _REMEDY)
    return Constraint(_UNITS[match[3]], limit)


def parse_budgets(texts: Iterable[str]) -> tuple[Constraint, ...]:
    """Read several ceilings, one for each cost at most.

    Raises:
        BudgetError: one cannot be read, or two limit the same cost.
    """
    constraints = tuple(parse_budget(text) for text in texts)
    costs = [constraint.cost for constraint in constraints]
    for cost in costs:
        if costs.count(cost) > 1:
            raise BudgetError(
                f"two budgets limit {cost}.", "Give each cost one ceiling (flops = madds = macs)."
            )
    return constraints


def admits(budget: Sequence[Constraint], cost: Cost) -> bool:
    """Tell whether `cost` is within every ceiling."""
    return all(constraint.admits(cost) for constraint in budget)


def si(value: float, digits: int = 4) -> str:
    """Return a count rounded to so many digits, with its prefix: 312970176 is `313M`."""
    rounded = float(f"{value:.{digits}g}")  # first, so that 999999 becomes 1M and not 1000K
    for prefix in ("G", "M", "K"):
        if abs(rounded) >= _PREFIXES[prefix]:
            return f"{rounded / _PREFIXES[prefix]:.15g}{prefix}"
    return f"{rounded:.15g}"


def _exact(count: int) -> str:
    """Return a count with the largest prefix below it, and every digit."""
    prefix = max((p for p in _PREFIXES if _PREFIXES[p] <= count), key=_PREFIXES.__getitem__)
    whole, rest = divmod(count, _PREFIXES[prefix])
    fraction = f"{rest:0{len(str(_PREFIXES[prefix])) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}{prefix}" if fraction else f"{whole}{prefix}"
