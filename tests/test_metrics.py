"""The table of metrics: formats, directions, and refusals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError
from nas.metrics import Direction, Metric, Source, cost_metric, metric, metric_names
from nas.study import known_objectives, objective

MAP = Metric("map", "mAP", direction=Direction.MAXIMISE, unit="%", factor=100.0, digits=".1f",
             highest=1.0)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("top1_error", 0.0342, "3.42 %"),
        ("loss", 1.25, "1.2500 nats"),
        ("madds", 312_970_176, "313M"),
        ("latency", 4_812_345, "4.812 ms"),
    ],
)
def test_a_value_is_written_with_its_unit(name: str, value: float, shown: str) -> None:
    assert metric(name).show(value) == shown
    assert metric(name).show(None) == ""


def test_a_difference_of_errors_is_in_points() -> None:
    assert metric("top1_error").difference(0.012, 0.034) == "1.20 to 3.40 points"
    assert metric("loss").difference(0.5, 1.0) == "0.5000 to 1.0000 nats"


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_better_value_has_the_lower_loss(one: float, other: float) -> None:
    assert (MAP.loss(one) < MAP.loss(other)) == (one > other)
    error = metric("top1_error")
    assert (error.loss(one) < error.loss(other)) == (one < other)
    for each in (MAP, error):
        assert each.ideal <= each.loss(one) <= each.loss(each.worst)


def test_a_maximised_metric_needs_a_highest_value() -> None:
    with pytest.raises(ValueError, match="highest"):
        Metric("score", "score", direction=Direction.MAXIMISE)
    assert (MAP.worst, MAP.ideal) == (0.0, -1.0)


def test_what_is_known_before_training() -> None:
    known = [name for name in metric_names() if metric(name).known]
    assert known == ["madds", "params", "acts", "latency"]
    assert metric("latency").source is Source.DEVICE


def test_objectives_on_a_device_are_typed_with_it() -> None:
    assert {"latency@cpu", "latency@cuda"} < set(known_objectives())
    assert "latency" not in known_objectives()
    for wrong in ("latency", "madds@cpu", "top1-error"):
        with pytest.raises(NasError, match=f"no objective '{wrong}'"):
            objective(wrong)


def test_a_metric_that_nobody_defines_is_refused() -> None:
    with pytest.raises(NasError, match="no metric 'los'") as refused:
        metric("los")
    assert "loss" in refused.value.remedy


def test_a_cost_of_a_table_of_networks_is_a_plain_count() -> None:
    energy = cost_metric("energy")
    assert (energy.known, energy.show(1_500_000)) == (True, "1.5M")
    assert math.isinf(energy.highest)
