"""Paired draws: blocks that differ in one choice and in nothing else, all within the budget."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas.cost.budget import admits, parse_budgets
from nas.cost.model import CostModel
from nas.errors import BudgetError, NasError
from nas.feasible import FeasibleSpace
from nas.samplers import make_sampler
from nas.samplers.paired_variants import PairedVariantsSampler
from nas.space.file import load_space
from nas.space.variation import read_variation
from tests.compared import feasible_of, measured, noise, spec_of
from tests.members import space_named
from tests.memory_store import MemoryStore
from tests.messages import carrying


def blocks_of(words: str, number: int, size: int, **changed: Any) -> tuple[Any, Any]:
    spec = spec_of(f"paired:{words}", number * size, block=size, **changed)
    trials = measured(spec, lambda trial: 0.3 + 0.05 * noise(trial))
    assert len(trials) == number * size
    return spec, [trials[start : start + size] for start in range(0, len(trials), size)]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("g1", (1, 2, 4)),
        ("g2=4,1", (4, 1)),
        ("relu", ("depthwise", "first+depthwise")),
        ("expansion", (1, 2)),
        ("depth=1,3", (1, 3)),
    ],
)
def test_a_block_differs_in_the_choice_alone(words: str, values: tuple[int | str, ...]) -> None:
    key = words.partition("=")[0]
    spec, blocks = blocks_of(words, 6, len(values))
    for block in blocks:
        assert len({trial.seed for trial in block}) == 1
        assert len({trial.arch_id for trial in block}) == len(values)
        for trial, value in zip(block, values, strict=True):
            assert set(trial.architecture.column(key)) == {value}
            assert admits(spec.budget, trial.cost)
            assert spec.space.check(trial.architecture) == trial.architecture
        others = {
            tuple(trial.architecture.column(other) for other in spec.space.keys if other != key)
            for trial in block
        }
        assert len(others) == 1
    assert len({block[0].seed for block in blocks}) == len(blocks)


def test_no_network_is_trained_twice() -> None:
    _, blocks = blocks_of("g1", 12, 3)
    ids = [trial.arch_id for block in blocks for trial in block]
    assert len(set(ids)) == len(ids)


def test_a_failure_does_not_break_the_blocks() -> None:
    spec = spec_of("paired:g1", 18, block=3)
    whole = measured(spec, lambda trial: 0.5)
    failing = measured(spec, lambda trial: 0.5, failing=lambda trial: trial.number in (0, 4, 11))
    assert [t.arch_id for t in failing] == [t.arch_id for t in whole]


def test_values_of_some_stages_leave_the_others_as_they_are() -> None:
    """16 is a width of both stages, 8 of the first alone."""
    variation = read_variation(space_named("small"), "width=24,32")
    assert [variation.open(stage) for stage in variation.space.stages] == [False, False, True]
    base = variation.space.published[1].architecture
    made = variation.variant(base, 24)
    assert made.column("width") == (16, 24, 24)


def test_dead_stages_stay_dead() -> None:
    variation = read_variation(load_space("igcv3"), "g1")
    smallest = FeasibleSpace(CostModel(variation.space), ()).smallest("madds")
    assert 0 in smallest.column("depth")
    made = variation.variant(smallest, 2)
    assert made.column("depth") == smallest.column("depth")
    assert made != smallest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("beauty", "'beauty'"),
        ("permute2", "permute2"),
        ("g1=3", "'3' … g1"),
        ("g1=2", "g1=2"),
        ("g1=2,2", "g1=2"),
        ("width=8,24", "rich … width=8,24"),
    ],
)
def test_what_cannot_be_varied_is_refused(words: str, said: str) -> None:
    spec = spec_of("paired:g1", 6)
    with pytest.raises(NasError, match=carrying(said)) as refused:
        make_sampler(f"paired:{words}", feasible_of(spec), ())
    assert refused.value.remedy


def test_several_spaces_are_refused() -> None:
    with pytest.raises(NasError, match="in one space"):
        PairedVariantsSampler(feasible_of(spec_of("matched", 6)), (), "g1")


def test_a_budget_that_not_every_value_meets_is_refused() -> None:
    spec = spec_of("paired:g1", 6)
    costs = feasible_of(spec).costs
    cheapest = costs.cost(feasible_of(spec).smallest("madds")).madds
    tight = FeasibleSpace(costs, parse_budgets([f"{cheapest / 1e6:.6f}M-flops"]))
    sampler = PairedVariantsSampler(tight, (), "g1")
    with pytest.raises(BudgetError, match=carrying("g1 = 1, 2, 4")) as refused:
        sampler.check(["rich"])
    assert "--vary g1=2,4" in refused.value.remedy
    assert sampler.propose([], 0, np.random.default_rng(0)) is None


@pytest.mark.parametrize("kept", [1, 2, 3, 7])
def test_a_study_that_was_interrupted_goes_on_with_the_same_blocks(kept: int) -> None:
    spec = spec_of("paired:g1", 12, block=3)
    whole = measured(spec, lambda trial: 0.5)
    store = MemoryStore()
    measured(replace(spec, num_trials=kept), lambda trial: 0.5, store=store)
    resumed = measured(spec, lambda trial: 0.5, store=store)
    assert [(t.arch_id, t.seed) for t in resumed] == [(t.arch_id, t.seed) for t in whole]
