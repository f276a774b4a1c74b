"""Axes: the label and unit of an objective in figures."""

from dataclasses import dataclass

from nas.units import amount, percent, scale


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: the objective, its full label with unit, and whether it is shown in percent."""

    name: str
    label: str
    percent: bool

    def show(self, value: float | None) -> str:
        """Return a value of this axis with its unit."""
        if value is None:
            return "–"
        return percent(value) if self.percent else amount(self.name, value / self.scale)

    @property
    def scale(self) -> float:
        """The factor from a cost to the unit of the axis: nanoseconds to seconds."""
        return scale(self.name)

    @property
    def unit(self) -> str:
        """The unit after a number with its prefix: `s` in 5 ms."""
        return "s" if self.name == "latency" else ""
