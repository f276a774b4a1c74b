"""Measured latencies of trials: the times of whole networks after the search.

The search uses latencies from its table. After the search, the candidates on the front and the
confirmed ones are measured; a network that is over the budget by this measurement cannot win.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nas.cost import Timing
from nas.metrics import LATENCY
from nas.study import Reports, StudySpec


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """The latency of one network as predicted by the table and as measured, in nanoseconds.

    `low` and `high` are the quartiles of `runs` runs on `device`; `comparable` is true if it is the
    device of the table.
    """

    predicted: int
    median: int
    low: int
    high: int
    runs: int
    device: str
    comparable: bool

    @classmethod
    def of(cls, predicted: int, timing: Timing, device: str, comparable: bool) -> "MeasuredLatency":
        """Return a measurement with its prediction."""
        return cls(predicted, **asdict(timing), device=device, comparable=comparable)

    @property
    def error(self) -> float:
        """The relative error of the prediction."""
        return (self.predicted - self.median) / self.median

    def __str__(self) -> str:
        """Return both latencies as text."""
        show = LATENCY.show
        return (
            f"{show(self.median)} measured (quartiles {show(self.low, 3)} to {show(self.high, 3)}, "
            f"{self.runs} runs), {show(self.predicted)} predicted"
        )


def report_kind(spec: StudySpec) -> str:
    """Return the kind of report that holds a measured latency of the study."""
    return f"{LATENCY.name}@{next(iter(spec.latency_tables.values())).device.kind}"


def measured_latencies(spec: StudySpec, reports: Reports) -> dict[int, MeasuredLatency]:
    """Return the measured latencies by trial number, from the reports of a study."""
    if not spec.latency:
        return {}
    kind = report_kind(spec)
    return {
        number: MeasuredLatency(**kinds[kind]) for number, kinds in reports.items() if kind in kinds
    }


def over_budget(spec: StudySpec, found: Mapping[int, MeasuredLatency]) -> frozenset[int]:
    """Return the trials whose latency, measured on the device of the table, is over the budget."""
    limits = [part.limit for part in spec.budget if part.cost == LATENCY.name]
    return frozenset(
        number
        for number, each in found.items()
        if each.comparable and any(each.median > limit for limit in limits)
    )
