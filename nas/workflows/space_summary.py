"""A space within a budget: its size, the feasible part, and the distribution of costs."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nas.cost import CostModel, LatencyTable, parse_budgets
from nas.errors import BudgetError, NoEffectError
from nas.feasible import Count, Distribution, FeasibleSpace, distribution, feasible_space
from nas.space import given_strides, load_space, parse_input
from nas.workflows import events
from nas.workflows.device_tables import asked_device, latency_tables
from nas.workflows.request import Request
from nas.workflows.requests import SPACE, LatencyRequest, unused_latency


@dataclass(frozen=True, kw_only=True)
class SpaceRequest(Request, least={"classes": 2}):
    """A space to count, at its deployment or at `input`, `classes` and `strides`.

    `band`, such as 85-100, also counts architectures at these percentages of the first budget.
    """

    space: str = SPACE
    budgets: tuple[str, ...] = ()
    band: str | None = None
    input: str | None = None
    classes: int | None = None
    strides: str | None = None
    latency: LatencyRequest = field(default_factory=LatencyRequest)

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        yield from unused_latency(self.budgets)

    def shares(self) -> tuple[float, float] | None:
        """Return the band as shares of the first budget; None without a band.

        Raises:
            BudgetError: it is not a band, or there is no budget.
        """
        if self.band is None:
            return None
        remedy = "Write two percentages of the first budget, such as --band 85-100."
        parts = self.band.replace("%", "").split("-")
        try:
            low, high = (float(part) / 100 for part in parts)
        except ValueError:
            raise BudgetError(f"{self.band!r} is not a band.", remedy) from None
        if not 0 <= low < high <= 1:
            raise BudgetError(
                f"the band {self.band!r} does not rise from 0 to at most 100.", remedy
            )
        if not self.budgets:
            raise BudgetError("a band is a share of a budget, and none is given.", "Add --budget.")
        return low, high


@dataclass(frozen=True)
class SpaceSummary:
    """A space within its budget; `count` fit, `inside` of them are in the band."""

    feasible: FeasibleSpace
    count: Count
    inside: Count | None
    table: LatencyTable | None

    @property
    def costs(self) -> CostModel:
        """The cost model of its networks."""
        return self.feasible.costs

    @property
    def distribution(self) -> Distribution:
        """The distribution of the first cost, in about 24 intervals."""
        return distribution(self.feasible, self.count, 24)


def summarise_space(
    request: SpaceRequest, on_event: events.Watcher = events.ignore
) -> SpaceSummary:
    """Count the part of a space within a budget; a latency table may be measured first.

    Raises:
        NasError: a setting cannot be used, or no architecture fits the budget.
    """
    space = load_space(request.space)
    budget, shares = parse_budgets(request.budgets), request.shares()
    strides = given_strides([space], request.strides)
    deployment = parse_input(request.input) if request.input else None
    costs = CostModel(space, deployment, request.classes, strides=strides)
    tables = latency_tables([costs], asked_device(budget), request.latency, on_event)
    table = tables[0] if tables else None
    feasible = feasible_space(replace(costs, table=table) if table else costs, budget)
    feasible.check()
    inside = feasible.count(*shares) if shares else None
    return SpaceSummary(feasible, feasible.count(), inside, table)
