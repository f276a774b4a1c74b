"""Axes of figures: the metric of an objective, and its label."""

from dataclasses import dataclass

from nas.metrics import Metric


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """One axis: the metric of an objective, and its full label with unit and conditions."""

    metric: Metric
    label: str

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self.metric.name

    def show(self, value: float | None) -> str:
        """Return a value of the metric with its unit."""
        return self.metric.show(value) or "–"

    @property
    def factor(self) -> float:
        """The factor that converts a value to the unit of the axis."""
        return self.metric.factor

    @property
    def suffix(self) -> str:
        """The unit after a number, with a space unless an SI prefix may come between them."""
        unit = self.metric.unit
        return unit if self.metric.write or not unit else f" {unit}"
