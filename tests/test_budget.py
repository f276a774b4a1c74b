"""Budgets: what is read, exactly, and what is refused."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.budget import Constraint, admits, parse_budget, parse_budgets
from nas.cost.model import Cost
from nas.errors import BudgetError
from nas.units import si


@pytest.mark.parametrize(
    ("text", "cost", "limit"),
    [
        ("300M-flops", "madds", 300_000_000),
        ("300M-madds", "madds", 300_000_000),
        ("0.3G-macs", "madds", 300_000_000),
        ("3.5M-params", "params", 3_500_000),
        ("0.1M-params", "params", 100_000),
        ("5M-acts", "acts", 5_000_000),
        ("312970176-flops", "madds", 312_970_176),
        ("312.970176M-flops", "madds", 312_970_176),
        ("0.312970176G-flops", "madds", 312_970_176),
        ("8.7K-params", "params", 8_700),
        ("1-params", "params", 1),
        ("2.675K-params", "params", 2_675),
        ("1.0005K-params", "params", 1_000),
        (" 300M-flops\n", "madds", 300_000_000),
        ("300MFLOPs", "madds", 300_000_000),
        ("300m-flops", "madds", 300_000_000),
        ("0.3 GFLOPs", "madds", 300_000_000),
        ("300M–flops", "madds", 300_000_000),
        ("300M—flops", "madds", 300_000_000),
        ("300M−flops", "madds", 300_000_000),
        ("300 M flops", "madds", 300_000_000),
        ("300 M-FLOPS", "madds", 300_000_000),
        ("300M_flops", "madds", 300_000_000),
        ("300M flop", "madds", 300_000_000),
        ("300 MMACs", "madds", 300_000_000),
        ("300MACs", "madds", 300),
        ("300 MAdds", "madds", 300),
        ("300 MMAdds", "madds", 300_000_000),
        ("1k-flops", "madds", 1_000),
        ("2.5M params", "params", 2_500_000),
        ("2.5m Parameters", "params", 2_500_000),
        ("300 million flops", "madds", 300_000_000),
        ("0.3 billion FLOPs", "madds", 300_000_000),
        ("300Mega-flops", "madds", 300_000_000),
        ("3e8-flops", "madds", 300_000_000),
        ("3.13E+8 FLOPs", "madds", 313_000_000),
        ("2.5e0M-params", "params", 2_500_000),
        ("300M multiply-adds", "madds", 300_000_000),
        ("569 million mult-adds", "madds", 569_000_000),
        ("3.5 million parameters", "params", 3_500_000),
        ("5e0ms-latency@cpu", "latency", 5_000_000),
        ("5M activations", "acts", 5_000_000),
        ("5ms-latency@cpu", "latency", 5_000_000),
        ("5 ms latency@cpu", "latency", 5_000_000),
        ("5 MS–Latency @ CPU", "latency", 5_000_000),
        ("800µs latency@cuda", "latency", 800_000),
    ],
)
def test_a_budget_reads_exactly(text: str, cost: str, limit: int) -> None:
    constraint = parse_budget(text)
    assert (constraint.cost, constraint.limit) == (cost, limit)
    assert parse_budget(str(constraint)) == constraint
    assert type(constraint.limit) is int


@pytest.mark.parametrize(
    "text",
    [
        "", "300M", "300", "flops", "M-flops",
        "300Megs-flops", "5ms", "5ms-flops", "300M-watts", "-300M-flops", "+300M-flops",
        "300T-flops", "3e99-flops", "3e-8-flops", ".3G-flops",
        "3.G-flops", "1,5M-params", "1_000-params", "300M-flops,3M-params", "inf-flops",
        "nan-flops", "٣M-flops", "9" * 5000 + "-flops", "300M-flops; 1", "0-flops", "0.0M-params",
        "0.5-params",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_may_be_written(text: Any) -> None:
    with pytest.raises(BudgetError) as caught:
        parse_budget(text)
    assert repr(text) in caught.value.cause
    for word in ("300M-flops", "madds", "macs", "params", "acts", "K, M or G"):
        assert word in caught.value.remedy
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("300M", "300M-flops or 300M-params"), ("300", "300-flops or"), ("5ms", "5ms-latency@cpu"),
     ("5 ms@cpu", "5ms-latency@cpu"), ("0,3G-flops", "decimal point"),
     ("300,000,000-flops", "thousands separators"), ("1_000-params", "thousands separators"),
     ("-5M-flops", "greater than 0"), ("300M-flops 2M-params", "once for each ceiling")],
)  # fmt: skip
def test_what_is_missing_is_said(text: str, said: str) -> None:
    with pytest.raises(BudgetError) as caught:
        parse_budget(text)
    assert said in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["5ms-latency", "5m-latency@cpu", "5-latency@cpu", "5ms-latency@npu", "0ns-latency@cpu"]
)
def test_a_latency_wants_a_unit_of_time_and_a_device(text: str) -> None:
    with pytest.raises(BudgetError, match="cpu"):
        parse_budget(text)


def test_the_example_in_the_remedy_can_be_typed() -> None:
    with pytest.raises(BudgetError) as caught:
        parse_budget("small")
    examples = [word.strip(",.") for word in caught.value.remedy.split() if "-" in word]
    assert len(parse_budgets(examples)) == 4


@settings(deadline=None)
@given(st.integers(1, 10**14), st.sampled_from(["madds", "params", "acts"]))
def test_a_constraint_is_shown_so_that_it_reads_back(limit: int, cost: str) -> None:
    constraint = Constraint(cost, limit)
    assert parse_budget(str(constraint)) == constraint


@settings(deadline=None)
@given(st.integers(0, 10**6), st.text("0123456789", max_size=12), st.sampled_from("KMG"))
def test_no_digit_is_lost_to_floating_point(whole: int, fraction: str, prefix: Any) -> None:
    number = f"{whole}.{fraction}" if fraction else str(whole)
    exact = Fraction(number) * {"K": 10**3, "M": 10**6, "G": 10**9}[prefix]
    if exact >= 1:
        assert parse_budget(f"{number}{prefix}-flops").limit == int(exact)


def test_several_budgets_limit_several_costs() -> None:
    constraints = parse_budgets(["300M-flops", "3.5M-params"])
    assert [c.cost for c in constraints] == ["madds", "params"]
    assert admits(constraints, Cost(300_000_000, 3_500_000, 10**9))
    assert not admits(constraints, Cost(300_000_001, 1, 1))
    assert not admits(constraints, Cost(1, 3_500_001, 1))
    assert admits((), Cost(10**12, 10**12, 10**12))
    assert parse_budgets([]) == ()


@pytest.mark.parametrize("pair", [("300M-flops", "300M-macs"), ("1M-params", "2M-params")])
def test_two_budgets_on_one_cost_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(BudgetError, match="two budgets limit"):
        parse_budgets(pair)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (7, "7"), (999, "999"), (1000, "1K"), (8704, "8.704K"), (312_970_176, "313M"),
        (3_491_688, "3.492M"), (999_999, "1M"), (999_999_999, "1G"), (1_500_000_000, "1.5G"),
        (0.25, "0.25"), (-2_000_000, "-2M"),
    ],
)  # fmt: skip
def test_counts_are_shown_short(value: float, shown: str) -> None:
    assert si(value) == shown


@settings(deadline=None)
@given(st.integers(1, 10**13), st.integers(1, 6))
def test_a_short_count_is_near_and_never_in_powers_of_ten(value: int, digits: int) -> None:
    shown = si(value, digits)
    scale = {"K": 10**3, "M": 10**6, "G": 10**9}.get(shown[-1], 1)
    number = shown.rstrip("KMG")
    assert "e" not in number
    assert abs(Fraction(number) * scale - value) <= Fraction(value) / 2 / 10 ** (digits - 1)
