"""The table of a space: units to time, and the accuracy of a prediction."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cost.latency_table import Device, LatencyTable, latency_units
from nas.cost.model import CostModel
from nas.feasible import FeasibleSpace
from nas.space.file import load_space, parse_input, read_space
from nas.space.layers import Layer
from nas.space.lowering import lower
from nas.training.latency.pieces import covering_pieces
from nas.training.latency.tabulate import accuracy, measure_table, rank_correlation, scale
from tests.test_latency import SMALL

values = st.lists(st.floats(1, 1e6), min_size=3, max_size=12)


class Exact:
    """A runtime in which every layer takes as many nanoseconds as it has outputs; needs no time."""

    device = Device("cpu", "exact", "exact", "0", 2)

    def load(self, layers: Sequence[Layer]) -> Callable[..., Any]:
        return lambda: None

    def profile(self, layers: Sequence[Layer], runs: Any) -> Any:
        return [{layer.name: float(np.prod(layer.shape)) for layer in layers[1:]}] * runs


@pytest.mark.parametrize("name", ["igcv2", "mobilenetv1"])
def test_the_pieces_have_every_unit_of_networks_drawn_at_random(name: str) -> None:
    costs = CostModel(load_space(name))
    rng = np.random.default_rng(3)
    known = {unit.key for piece in covering_pieces(costs, rng) for unit in latency_units(piece)}
    for member in FeasibleSpace(costs, ()).sample_many(rng, 20):
        assert {unit.key for unit in latency_units(lower(costs.space, member))} <= known


def test_a_table_counts_every_member_of_its_space() -> None:
    space = read_space(SMALL, "small.toml")
    heard: list[Any] = []
    table = measure_table(CostModel(space), Exact(), networks=8, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert LatencyTable.from_json(table.to_json()) == table
    assert (table.space, table.input, table.classes) == ("small", "3x16x16", 4)
    assert table.accuracy.n == 4
    assert all(spent % table.quantum == 0 for spent in (table.fixed, *table.units.values()))
    costs = CostModel(space, table=table)
    feasible = FeasibleSpace(costs, ())
    for member in feasible.sample_many(np.random.default_rng(0), 20):
        assert costs.cost(member).latency == table.fixed + table.latency(lower(space, member))


def test_a_table_is_of_one_input_and_number_of_classes() -> None:
    space = load_space("igcv2")
    costs = CostModel(space, parse_input("3x16x16"), 7)
    table = measure_table(costs, Exact(), networks=4)
    assert (table.input, table.classes) == ("3x16x16", 7)
    assert any(key.startswith("linear") and key.endswith(">7") for key in table.units)


def test_what_cannot_be_ranked_has_no_correlation() -> None:
    constant, rising = np.ones(4), np.arange(4.0)
    assert rank_correlation(constant, rising) == rank_correlation(rising, constant) == 0
    assert rank_correlation(rising, rising**3) == pytest.approx(1)


@given(values, st.floats(0.1, 10), st.floats(0, 1e6))
def test_the_scale_finds_factor_and_fixed_time(summed: Any, factor: float, fixed: float) -> None:
    sums = np.array(summed)
    measured = factor * sums + fixed
    found = scale(sums, measured)
    assert found[0] >= 0
    assert found[1] >= 0
    assert found[0] * sums + found[1] == pytest.approx(measured, rel=1e-3)


def test_a_fixed_time_is_never_negative() -> None:
    sums = np.array([100.0, 200.0, 300.0])
    factor, fixed = scale(sums, 2 * sums - 90)
    assert fixed == 0
    assert factor > 0


def test_accuracy_is_relative_to_what_was_measured() -> None:
    predicted, measured = np.array([90.0, 220.0, 300.0]), np.array([100.0, 200.0, 300.0])
    found = accuracy(predicted, measured, np.array([3.0, 2.0, 1.0]))
    assert (found.n, found.rank, found.madds_rank) == (3, 1.0, pytest.approx(-1.0))
    assert (found.median, found.worst) == (pytest.approx(0.1), pytest.approx(0.1))
