"""Effects of choices: what a formula puts into a study is found again, with honest intervals."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.cost import Cost
from nas.feasible import feasible_space
from nas.figures import write_report
from nas.metrics import Direction
from nas.results import Effect, Effects, explain, study_effects
from nas.space import Architecture
from nas.study import Trial, TrialState
from tests.classified import classified
from tests.igcv3 import igcv3_spec
from tests.studies import study_view

SPEC = igcv3_spec(name="effects", rungs=(1,), reference_point=(1.0, 3e8), seed=0, published=False)


@cache
def drawn() -> list[tuple[Architecture, Cost]]:
    """Return networks within the budget, with their costs."""
    feasible = feasible_space(next(iter(SPEC.cost_models().values())), SPEC.budget)
    found = feasible.sample_many(np.random.default_rng(3), 60)
    return [(one, feasible.cost(one)) for one in found]


def by_g1(architecture: Architecture) -> float:
    """An error that only the groups of the first convolutions change: 10 % more a doubling."""
    groups = [int(g) for g in architecture.column("g1") if isinstance(g, int)]
    return float(0.05 * 1.1 ** np.mean(np.log2(groups)))


WHOLE = 1.1**3 - 1  # from 1 group to 8


def studied(
    error: Callable[[Architecture], float], count: int = 60, noise: float = 0.0, seed: int = 0
) -> list[Trial]:
    """Return complete trials of drawn networks whose errors follow a formula."""
    rng = np.random.default_rng(seed)
    return [
        Trial(
            number, one, cost, TrialState.COMPLETE, number,
            measurements=(
                classified(1, 0, error(one) * float(np.exp(rng.normal(0, noise))), 0.3, 0.3, 1.0),
            ),
        )
        for number, (one, cost) in enumerate(drawn()[:count])
    ]  # fmt: skip


def found(effects: Effects | None, choice: str) -> Effect:
    assert effects is not None
    return next(effect for effect in effects.effects if effect.choice == choice)


def test_what_a_formula_puts_in_is_found_and_nothing_else() -> None:
    effects = study_effects(SPEC, studied(by_g1))
    g1 = found(effects, "g1")
    assert (g1.low, g1.high, g1.relative) == ("1", "8", True)
    assert g1.change.value == pytest.approx(WHOLE, rel=1e-6)
    assert g1.cost < 0  # more groups cost less
    assert effects is not None
    assert effects.effects[0] is g1
    assert effects.explained == pytest.approx(1.0)
    assert all(abs(each.change.value) < 1e-6 for each in effects.effects[1:])


def test_the_importance_of_a_choice_is_its_share_of_the_variance() -> None:
    effects = study_effects(SPEC, studied(by_g1, noise=0.01))
    assert effects is not None
    g1 = found(effects, "g1").importance
    assert 0 < g1.low < g1.value < g1.high <= 1
    assert g1.value == pytest.approx(effects.explained, abs=0.15)
    assert all(each.importance.low <= 0.05 for each in effects.effects if each.choice != "g1")


def costing(trials: list[Trial], madds: int, first: int) -> list[Trial]:
    """Return trials that cost the same, numbered from `first`."""
    return [
        replace(one, number=first + row, cost=replace(one.cost, madds=madds))
        for row, one in enumerate(trials)
    ]


def test_networks_outside_the_budget_band_are_left_out_where_there_are_enough_inside() -> None:
    inside, flat = studied(by_g1)[:30], studied(lambda _: 0.5)[30:]
    inside = costing(inside, 290_000_000, 0)
    below, over = costing(flat, 100_000_000, 100), costing(flat, 310_000_000, 200)
    effects = study_effects(SPEC, inside + below + over)
    assert effects is not None
    assert (effects.networks, effects.used) == (30, "of 255M to 300M madds")
    assert effects.explained == pytest.approx(1.0)
    few = study_effects(SPEC, inside[:3] + below + over)
    assert few is not None
    assert few.networks == 33
    assert few.used == "within the budget, of which 3 have 255M to 300M madds"


def test_the_interval_has_the_truth_as_often_as_it_says() -> None:
    intervals = [
        found(study_effects(SPEC, studied(by_g1, noise=0.05, seed=seed)), "g1").change
        for seed in range(100)
    ]
    assert sum(each.low <= WHOLE <= each.high for each in intervals) >= 90
    nothing = [
        found(study_effects(SPEC, studied(lambda _: 0.05, noise=0.05, seed=seed)), "g1")
        for seed in range(100)
    ]
    assert sum(each.significant for each in nothing) <= 10


def test_a_rate_to_maximise_is_compared_in_its_own_unit() -> None:
    goal = replace(SPEC.goals[0], direction=Direction.MAXIMISE)
    spec: Any = _With(SPEC, (goal,))
    g1 = found(study_effects(spec, studied(lambda one: 1 - by_g1(one))), "g1")
    assert not g1.relative
    assert g1.change.value < 0


class _With:
    """A specification with other goals."""

    def __init__(self, spec: Any, goals: Any) -> None:
        self.goals, self.networks, self.space = goals, spec.networks, spec.space
        self.budget = spec.budget


def test_words_joined_by_plus_are_effects_of_their_own() -> None:
    def by_last(one: Architecture) -> float:
        values = [str(value) for value in one.column("relu") if value is not None]
        return float(0.05 * 1.2 ** np.mean(["last" in value.split("+") for value in values]))

    effects = study_effects(SPEC, studied(by_last))
    last = found(effects, "relu last")
    assert (last.low, last.high) == ("without", "with")
    assert last.change.value == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize("count", [0, 1, 12])
def test_few_trials_have_no_effects_and_say_how_many_they_need(count: int) -> None:
    effects = study_effects(SPEC, studied(by_g1, count))
    assert effects is not None
    assert effects.effects == ()
    assert effects.networks == count < effects.needed


def test_further_seeds_are_no_further_networks() -> None:
    trials = studied(by_g1, 10)
    seeds = [replace(one, number=one.number + 10 * k) for k in range(3) for one in trials]
    effects = study_effects(SPEC, seeds)
    assert effects is not None
    assert (effects.networks, effects.effects) == (10, ())


def test_a_training_has_no_effects() -> None:
    assert study_effects(replace(SPEC, objectives=("madds", "params")), studied(by_g1)) is None


def test_the_report_shows_the_effects_of_a_search_with_enough_trials(tmp_path: Path) -> None:
    trials = studied(by_g1)
    view, why = study_view(SPEC, trials), explain(SPEC, trials, "nas proxies x --compute")
    write_report(view, tmp_path / "many.html", why)
    page = (tmp_path / "many.html").read_text()
    assert "effects of the choices" in page
    assert "+33.1 %" in page
    few = studied(by_g1, 3)
    write_report(study_view(SPEC, few), tmp_path / "few.html", explain(SPEC, few, ""))
    assert "effects of the choices" not in (tmp_path / "few.html").read_text()
