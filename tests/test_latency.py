"""Latency as a cost: the table, what it sums, what a budget in it admits; nothing is timed."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.budget import Constraint, admits, parse_budget, parse_budgets
from nas.cost.latency_table import USE_DEVICE, Accuracy, Device, LatencyTable, Timing, latency_units
from nas.cost.model import Cost, CostModel
from nas.errors import BudgetError, NasError
from nas.feasible import FeasibleSpace, FeasibleUnion, feasible_space
from nas.space.architecture import Architecture
from nas.space.file import load_space, read_space
from nas.space.lowering import lower
from nas.space.search_space import SearchSpace
from nas.study.objectives import objective
from nas.training.latency.pieces import covering_pieces
from nas.units import time
from tests.members import LISTABLE, costs_of_members
from tests.messages import carrying

SMALL = LISTABLE.replace("permute2 = false", "permute2 = [false, true]")
DEVICE = Device("cpu", "a processor", "onnxruntime", "1.0", 1)
ACCURACY = Accuracy(12, 0.02, 0.05, 0.07, 0.99, 0.9)


def made_up(space: SearchSpace, seed: int = 0, quantum: int = 100) -> LatencyTable:
    """Return a table of a whole space with times drawn at random."""
    rng = np.random.default_rng(seed)
    keys = {
        unit.key
        for piece in covering_pieces(CostModel(space), rng)
        for unit in latency_units(piece)
    }
    times = {key: int(rng.integers(0, 900)) * quantum for key in sorted(keys)}
    fixed = 7 * quantum
    return LatencyTable(
        space.name, str(space.deployment), space.classes, DEVICE, quantum, fixed, times, ACCURACY
    )


@pytest.fixture(scope="module")
def small() -> CostModel:
    space = read_space(SMALL, "small.toml")
    return CostModel(space, table=made_up(space))


@pytest.fixture(scope="module")
def listed(small: CostModel) -> dict[Architecture, Cost]:
    return costs_of_members(small)


@given(
    st.dictionaries(st.text(), st.integers(0, 10**12)),
    st.sampled_from([1, 100, 1000]),
    st.floats(0, 10),
    st.text(),
)
def test_a_table_survives_its_text(times: Any, quantum: int, error: float, name: str) -> None:
    device = Device("cuda", name, "torch", "2", 3)
    accuracy = Accuracy(3, error, error, error, -0.5, 1.0)
    table = LatencyTable("small", "3x16x16", 4, device, quantum, 5, times, accuracy)
    assert LatencyTable.from_json(table.to_json()) == table


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "space": "x"}', "null"]
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(NasError, match=carrying("mine.json")):
        LatencyTable.from_json(text, "mine.json")


def test_the_cost_model_sums_what_the_table_says_of_the_layers(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    table = small.table
    for member, cost in itertools.islice(listed.items(), 200):
        layers = lower(small.space, member)
        assert cost.latency == table.fixed + table.latency(layers)
        assert replace(cost, latency=0) == CostModel(small.space).cost(member)


@pytest.mark.parametrize("name", ["igcv3", "mobilenetv2", "igcv2", "shufflenetv1"])
def test_every_layer_but_the_input_is_in_one_unit(name: str) -> None:
    space = load_space(name)
    layers = lower(space, space.published[0].architecture)
    names = [layer for unit in latency_units(layers) for layer in unit.names]
    assert sorted(names) == sorted(layer.name for layer in layers[1:])


def test_a_second_permutation_takes_time_and_an_activation_none(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    text = "depth=1-1,width=6-12,expansion=2-2,g1=1-1,g2=1-3,relu={}-none,permute2=no-{}"
    plain, active, permuted = (
        small.cost(small.space.parse(text.format(*words)))
        for words in (("none", "no"), ("first", "no"), ("none", "yes"))
    )
    assert plain == active
    assert (plain.madds, plain.params) == (permuted.madds, permuted.params)
    assert plain.latency != permuted.latency


def test_a_table_of_another_input_has_no_such_units(small: CostModel) -> None:
    member = small.space.parse(
        "depth=1-1,width=6-12,expansion=2-2,g1=1-1,g2=1-3,relu=none-none,permute2=no-no"
    )
    other = CostModel(small.space, small.space.deployment._replace(height=32, width=32))
    with pytest.raises(NasError, match=carrying("small … 3x16x16 … conv")):
        small.table.latency(lower(small.space, member, other.input_shape))


@settings(max_examples=25, deadline=None)
@given(
    share=st.floats(0, 1),
    other=st.one_of(st.none(), st.tuples(st.sampled_from(["madds", "params"]), st.floats(0, 1))),
    seed=st.integers(0, 99),
)
def test_counting_and_sampling_under_a_latency_agree_with_listing(
    small: CostModel, listed: dict[Architecture, Cost], share: float, other: Any, seed: int
) -> None:
    def limit(name: str, share: Any) -> Any:
        values = sorted({getattr(cost, name) for cost in listed.values()})
        return values[int(share * (len(values) - 1))]

    budget = [Constraint("latency", limit("latency", share), "cpu")]
    budget += [Constraint(other[0], limit(*other))] if other else []
    fitting = {member for member, cost in listed.items() if admits(budget, cost)}
    space = FeasibleSpace(small, budget)
    count = space.count()
    assert count.low <= len(fitting) <= count.high
    assert other or count.exact
    drawn = space.sample_many(np.random.default_rng(seed), 50) if fitting else []
    assert set(drawn) <= fitting
    assert bool(drawn) == bool(fitting)
    smallest = space.smallest("latency")
    assert listed[smallest].latency == min(cost.latency for cost in listed.values())


def test_the_samples_reach_every_feasible_member(
    small: CostModel, listed: dict[Architecture, Cost]
) -> None:
    ceiling = sorted(cost.latency for cost in listed.values())[20]
    fitting = {member for member, cost in listed.items() if cost.latency <= ceiling}
    space = FeasibleSpace(small, (Constraint("latency", ceiling, "cpu"),))
    assert set(space.sample_many(np.random.default_rng(1), 2000)) == fitting


def test_a_space_that_is_listed_knows_its_latency_too() -> None:
    space = load_space("nasnet-a")
    member = space.parse(
        "depth=1-1-3-2-5,width=16-22-56-48-176,padding=exact-exact-exact-exact-exact"
    )
    layers = lower(space, member)
    times = {unit.key: 1000 + len(unit.key) for unit in latency_units(layers)}
    table = LatencyTable("nasnet-a", "", 1, DEVICE, 1, 11, times, ACCURACY)
    assert CostModel(space, table=table).cost(member).latency == 11 + table.latency(layers)


def test_a_profile_holds_the_latency_where_it_is_counted(small: CostModel) -> None:
    plain = CostModel(small.space)
    member = next(iter(FeasibleSpace(plain, ()).sample_many(np.random.default_rng(0), 1)))
    with_it, without = (FeasibleSpace(costs, ()).coding.profile(member) for costs in (small, plain))
    assert len(with_it) == len(without) + 1
    assert with_it[3] == pytest.approx(np.log(small.cost(member).latency))
    parts = {"small": feasible_space(small, ())}
    assert len(FeasibleUnion(parts).coding.profile(member)) == 4


@given(st.integers(1, 10**12), st.sampled_from(["cpu", "cuda"]))
def test_a_ceiling_survives_its_text(nanoseconds: int, device: str) -> None:
    ceiling = Constraint("latency", nanoseconds, device)
    assert parse_budget(str(ceiling)) == ceiling
    assert parse_budget(ceiling.at(nanoseconds)).limit == pytest.approx(nanoseconds, rel=0.006)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("5ms", 5_000_000), ("800us", 800_000), ("800µs", 800_000), ("0.005s", 5_000_000),
     ("1.5 ms", 1_500_000)],
)  # fmt: skip
def test_units_of_time(text: str, nanoseconds: int) -> None:
    assert parse_budget(f"{text}-latency@cpu") == Constraint("latency", nanoseconds, "cpu")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5M-latency@cpu", "5M-latency@cpu"),
        ("5ms-latency", "5ms-latency"),
        ("5-latency@cpu", "5-latency@cpu"),
        ("5ms-latency@tpu", "'tpu'"),
        ("5ms-latency@gpu", "'gpu'"),
        ("0.1ns-latency@cpu", "0.1ns-latency@cpu … 1 ns"),
    ],
)
def test_what_is_no_latency_is_refused(text: str, said: str) -> None:
    with pytest.raises(BudgetError, match=carrying(said)) as raised:
        parse_budget(text)
    assert "latency@" in raised.value.remedy or raised.value.remedy == USE_DEVICE


def test_another_device_is_no_misspelled_one() -> None:
    with pytest.raises(NasError, match="'gpu'") as raised:
        objective("latency@gpu")
    assert raised.value.remedy == USE_DEVICE  # nearest in letters is cpu, which a GPU is not


def test_one_latency_at_a_time() -> None:
    with pytest.raises(BudgetError, match="latency"):
        parse_budgets(["5ms-latency@cpu", "6ms-latency@cuda"])


def test_a_budget_that_nothing_meets_names_the_least_in_units_of_time(small: CostModel) -> None:
    space = FeasibleSpace(small, (Constraint("latency", 1, "cpu"),))
    least = small.cost(space.smallest("latency")).latency
    with pytest.raises(BudgetError) as raised:
        space.check()
    assert f"the smallest costs {time(least)} latency" in raised.value.cause
    typed = raised.value.remedy.split()[4]
    assert parse_budget(typed).limit >= least


def test_the_objective_is_a_cost_on_either_device() -> None:
    assert objective("latency@cpu") == objective("latency@cuda")
    assert objective("latency@cpu").known
    with pytest.raises(NasError, match="'tpu'"):
        objective("latency@tpu")


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_quartiles_are_around_the_median(nanoseconds: list[int]) -> None:
    timing = Timing.of(nanoseconds)
    assert min(nanoseconds) <= timing.low <= timing.high <= max(nanoseconds)
    assert timing.low <= timing.median + 1
    assert timing.median <= timing.high + 1
    assert timing.runs == len(nanoseconds)
