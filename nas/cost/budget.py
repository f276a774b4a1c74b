"""Budgets: ceilings on costs, and the gate that enforces them."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from nas.cost.latency_table import DEVICES, USE_DEVICE
from nas.cost.model import Cost
from nas.errors import BudgetError
from nas.metrics import LATENCY, cost_metric
from nas.units import NANOSECONDS, PREFIXES

_UNITS = {
    **dict.fromkeys(("flops", "flop", "madds", "madd", "macs", "mac"), "madds"),
    **dict.fromkeys(("multiply-adds", "mult-adds", "multadds"), "madds"),
    **dict.fromkeys(("params", "param", "parameters", "weights"), "params"),
    **dict.fromkeys(("acts", "act", "activations"), "acts"),
}
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,15})?(?:e\+?(?:1[0-5]|[0-9]))?)"  # 300, 0.3, 3e8
_SPELLED = {"thousand": "K", "kilo": "K", "million": "M", "mega": "M", "billion": "G", "giga": "G"}
_PREFIX = rf"({'|'.join(_SPELLED)}|[KMG])?"
_TIME = re.compile(rf"{_NUMBER} *({'|'.join(NANOSECONDS)})(?: *@.*)?", re.IGNORECASE)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_LATENCY_REMEDY = "Write a time and a device, such as 5ms-latency@cpu or 800us-latency@cuda."
_REMEDY = (
    "Write a number with K, M or G and a unit, such as 300M-flops (= madds = macs), 3.5M-params, "
    "5M-acts or 5ms-latency@cpu."
)


@dataclass(frozen=True, order=True)
class Constraint:
    """A ceiling on one cost: `limit` multiply-adds, parameters, activations or nanoseconds.

    `device` is cpu or cuda for a latency, and empty for costs that do not depend on a device.
    """

    cost: str
    limit: int
    device: str = ""

    def admits(self, cost: Cost) -> bool:
        """Tell whether `cost` is within the ceiling."""
        return int(getattr(cost, self.cost)) <= self.limit

    def __str__(self) -> str:
        """Return the form that `parse_budget` reads back to the same limit."""
        exact = _exact_time if self.device else _exact
        return f"{exact(self.limit)}-{self._typed}"

    def shown(self, value: float) -> str:
        """Return a value of the limited cost as text, rounded."""
        return f"{cost_metric(self.cost).show(value)} {self.cost}"

    @property
    def unit(self) -> str:
        """The unit after an exact value, with a space."""
        return f" {cost_metric(self.cost).exact_unit}".rstrip()

    def at(self, value: float) -> str:
        """Return a ceiling of about `value` in the form that a user types."""
        amount = cost_metric(self.cost).show(value, 3).replace(" ", "")
        return f"{amount}-{self._typed}"

    @property
    def _typed(self) -> str:
        return f"{self.cost}@{self.device}" if self.device else self.cost


def split_amount(text: str, units: Collection[str]) -> tuple[str, str, str] | None:
    """Return the number, the prefix (K, M, G or empty) and the unit of a ceiling on a count.

    Number, prefix and unit are separated by blanks, dashes of any length or nothing. Case is
    ignored: `m` is mega, because no count comes in thousandths. Without a separator a prefix is
    read only if one of `units` follows it: `300MACs` is 300 macs, `300MMACs` 300 million. A unit
    that is not among `units` needs a blank or a dash before it. Returns None if `text` is not such
    a ceiling.
    """
    plain = text.translate(_DASHES).strip()
    names = {unit.lower(): unit for unit in units}
    known = "|".join(map(re.escape, names))
    for form in (rf" *{_PREFIX}[ _-]*({known})", rf" *{_PREFIX}[ _-]+([A-Z]\S*)"):
        if match := re.fullmatch(_NUMBER + form, plain, re.IGNORECASE | re.ASCII):
            prefix = (match[2] or "").lower()
            unit = names.get(match[3].lower(), match[3])
            return match[1], _SPELLED.get(prefix, prefix.upper()), unit
    return None


def parse_budget(text: str) -> Constraint:
    """Read one ceiling: `300M-flops`, `300 MFLOPs`, `3.5M-params`, `5M-acts`, `5ms-latency@cpu`.

    Flops, madds and macs are the same unit: multiply-adds of convolution and linear layers. Case is
    ignored: `m` before a count is mega; `ms` of a latency is a millisecond, and `m` is not a unit
    of time.

    Raises:
        BudgetError: the text has another form; the message lists the valid ones.
    """
    if "latency" in text.lower():
        return _parse_latency(text)
    read = split_amount(text, _UNITS)
    if read is None or read[2] not in _UNITS:
        raise BudgetError(f"{text!r} is not a budget.", _hint(text) + _REMEDY)
    number, prefix, unit = read
    limit = _scaled(number, PREFIXES[prefix])
    if limit < 1:
        raise BudgetError(f"the budget {text!r} is less than 1.", _REMEDY)
    return Constraint(_UNITS[unit], limit)


def _hint(text: str) -> str:
    """Return the probable correction of a ceiling that cannot be read; empty if unknown."""
    plain = text.translate(_DASHES).strip()
    if re.fullmatch(_NUMBER + rf" *{_PREFIX}", plain, re.IGNORECASE):
        return f"Say what it limits: {plain}-flops or {plain}-params. "
    if match := _TIME.fullmatch(plain):
        return f"Name the device of the time: {match[1]}{match[2]}-latency@cpu. "
    if re.search(r"[0-9][,_][0-9]", plain):
        return "Write a decimal point, and no thousands separators. "
    if re.match(r"-", plain):
        return "It must be greater than 0. "
    if len(re.findall(rf"(?<![0-9.]){_NUMBER}", plain)) > 1:
        return "Give --budget once for each ceiling. "
    return ""


def _parse_latency(text: str) -> Constraint:
    plain = text.translate(_DASHES).strip().lower()
    match = re.fullmatch(rf"{_NUMBER} *([a-zµμ]{{1,2}})[ _-]*latency *@ *([a-z]+)", plain)
    if not match or match[2] not in NANOSECONDS:
        raise BudgetError(f"{text!r} is not a latency.", _LATENCY_REMEDY)
    if match[3] not in DEVICES:
        raise BudgetError(f"there is no device {match[3]!r}.", USE_DEVICE)
    limit = _scaled(match[1], NANOSECONDS[match[2]])
    if limit < 1:
        raise BudgetError(f"the budget {text!r} is less than 1 ns.", _LATENCY_REMEDY)
    return Constraint(LATENCY.name, limit, match[3])


def _scaled(number: str, scale: int) -> int:
    """Return a decimal number times `scale`, rounded down, in exact arithmetic."""
    number, _, power = number.lower().partition("e")
    whole, _, fraction = number.partition(".")
    scale *= 10 ** int(power or 0)
    parts: int = int(fraction or 0) * scale // 10 ** len(fraction)
    return int(whole) * scale + parts


def parse_budgets(texts: Iterable[str]) -> tuple[Constraint, ...]:
    """Read several ceilings, at most one for each cost.

    Raises:
        BudgetError: a ceiling cannot be read, or two limit the same cost.
    """
    constraints = tuple(parse_budget(text) for text in texts)
    costs = [constraint.cost for constraint in constraints]
    for cost in costs:
        if costs.count(cost) > 1:
            raise BudgetError(
                f"two budgets limit {cost}.",
                "Give each cost one ceiling (flops = madds = macs; latency on one device).",
            )
    return constraints


def admits(budget: Sequence[Constraint], cost: Cost) -> bool:
    """Tell whether `cost` is within every ceiling."""
    return all(constraint.admits(cost) for constraint in budget)


def exceeded(budget: Sequence[Constraint], cost: Cost) -> str | None:
    """Return a message on the first ceiling that `cost` exceeds; None if it exceeds none."""
    for ceiling in budget:
        if not ceiling.admits(cost):
            value = int(getattr(cost, ceiling.cost))
            return f"{value:,}{ceiling.unit} {ceiling.cost}, the ceiling is {ceiling}"
    return None


def _exact_time(nanoseconds: int) -> str:
    """Return a time in its largest unit up to milliseconds, with all digits."""
    unit = next((unit for unit in ("ms", "us") if nanoseconds >= NANOSECONDS[unit]), "ns")
    whole, rest = divmod(nanoseconds, NANOSECONDS[unit])
    digits = len(str(NANOSECONDS[unit])) - 1
    fraction = f"{rest:0{digits}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"


def _exact(count: int) -> str:
    """Return a count with the largest prefix below it, with all digits."""
    prefix = max((p for p in PREFIXES if PREFIXES[p] <= count), key=PREFIXES.__getitem__)
    whole, rest = divmod(count, PREFIXES[prefix])
    fraction = f"{rest:0{len(str(PREFIXES[prefix])) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}{prefix}" if fraction else f"{whole}{prefix}"
