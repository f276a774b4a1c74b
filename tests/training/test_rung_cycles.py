"""A recipe at rungs: one schedule, or a cycle that ends at each rung; and its reuse."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nas import __version__
from nas.errors import TaskError
from nas.space.lowering import lower
from nas.study.evaluator import Job, WorkerPlan
from nas.study.reuse import comparable
from nas.training.data import load_study_task
from nas.training.evaluator import TrainingEvaluator
from nas.training.loop.epoch import EpochResult
from nas.training.loop.recipe import (
    AtRungs,
    Schedule,
    builtin_recipes,
    load_recipe,
    override,
    read_recipe,
)
from nas.training.loop.session import Session
from tests.messages import carrying
from tests.studies import SPACE, small_spec
from tests.training.nets import RECIPE, coloured_task, small_layers

pytestmark = pytest.mark.usefixtures("one_thread")

CYCLES = replace(RECIPE, lr=1.0, warmup_epochs=1.0, rungs="complete")
RUNGS = (2, 4, 8)

ladders = st.sets(st.integers(1, 60), min_size=1, max_size=5).map(lambda found: sorted(found))


# -- the rate --------------------------------------------------------------------------------------


@given(ladders, st.sampled_from(["cosine", "triangular"]), st.floats(0, 20))
def test_every_cycle_climbs_and_ends_at_zero(
    rungs: list[int], schedule: Schedule, warmup: float
) -> None:
    recipe = replace(CYCLES, schedule=schedule, warmup_epochs=warmup)
    for start, end in zip([0, *rungs], rungs, strict=False):
        rates = [
            recipe.lr_at(start + (end - start) * step / 40, rungs[-1], rungs)
            for step in range(1, 41)
        ]
        assert rates[-1] == pytest.approx(0, abs=1e-9)
        assert 0 < max(rates) <= recipe.lr * (1 + 1e-9)
        top = rates.index(max(rates))
        assert rates[: top + 1] == sorted(rates[: top + 1])
        assert rates[top:] == sorted(rates[top:], reverse=True)


@given(ladders, st.floats(0, 20), st.floats(0.001, 1))
def test_later_cycles_stay_below_the_one_schedule_where_they_begin(
    rungs: list[int], warmup: float, share: float
) -> None:
    recipe = replace(CYCLES, warmup_epochs=warmup)
    one = replace(recipe, rungs="continue")
    for start, end in itertools.pairwise(rungs):
        assume(start >= min(warmup, rungs[-1] / 2))
        rate = recipe.lr_at(start + (end - start) * share, rungs[-1], rungs)
        assert rate <= one.lr_at(start, rungs[-1]) * (1 + 1e-9)


@given(ladders, st.floats(0.001, 1), st.sampled_from(["cosine", "triangular", "exponential"]))
def test_one_schedule_does_not_see_the_rungs(
    rungs: list[int], share: float, schedule: Schedule
) -> None:
    recipe, epochs = replace(RECIPE, schedule=schedule), share * rungs[-1]
    assert recipe.lr_at(epochs, rungs[-1], rungs) == recipe.lr_at(epochs, rungs[-1])


def test_without_rungs_or_with_one_a_cycle_is_the_one_schedule() -> None:
    one = replace(CYCLES, rungs="continue")
    for epochs in (0.1, 1.0, 3.3, 8.0):
        assert CYCLES.lr_at(epochs, 8) == one.lr_at(epochs, 8)
        assert CYCLES.lr_at(epochs, 8, (8,)) == one.lr_at(epochs, 8)


def test_the_rates_of_a_ladder_in_numbers() -> None:
    recipe = replace(CYCLES, schedule="triangular")
    peaks = {0: 1.0, 2: 6 / 7, 4: 4 / 7}  # a line from 1 at epoch 1 to 0 at epoch 8
    for start, peak in peaks.items():
        climb = peak * 1.0  # as steep as in the first epoch
        assert recipe.lr_at(start + climb / 2, 8, RUNGS) == pytest.approx(peak / 2)
        assert recipe.lr_at(start + climb, 8, RUNGS) == pytest.approx(peak)
    assert recipe.lr_at(4 + (4 / 7 + 4) / 2, 8, RUNGS) == pytest.approx(2 / 7)
    assert [recipe.lr_at(rung, 8, RUNGS) for rung in RUNGS] == pytest.approx([0, 0, 0])


# -- in words --------------------------------------------------------------------------------------


def test_the_choice_is_written_only_where_it_is_not_the_usual_one() -> None:
    assert "rungs" not in RECIPE.text
    assert 'rungs = "complete"\n' in CYCLES.text
    assert read_recipe(CYCLES.text, "x.toml") == CYCLES
    assert override(RECIPE, ["rungs=complete"]).rungs == "complete"
    assert {load_recipe(name).rungs for name in builtin_recipes()} == {"continue"}


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (["rungs=restart"], "rungs = 'restart' … continue, complete"),
        (["rungs=complete", "schedule=exponential"], "exponential … 'cosine'"),
        (["rungs=complete", "schedule=step", "milestones=[2]"], "step … 'continue'"),
    ],
)
def test_what_is_refused(settings: list[str], match: str) -> None:
    with pytest.raises(TaskError, match=carrying(match)):
        override(RECIPE, settings)


# -- in training -----------------------------------------------------------------------------------


def trained(rungs: AtRungs, judged: tuple[int, ...]) -> list[EpochResult]:
    task = coloured_task()
    recipe = replace(RECIPE, rungs=rungs)
    session = Session(small_layers(task.input, 2), task, recipe, 4, seed=1, device="cpu")
    session.rungs = judged
    return [session.run_epoch() for _ in range(4)]


def losses(results: list[EpochResult]) -> list[float]:
    return [result.metrics["loss"] for result in results]


def test_a_session_ends_its_cycles_at_the_rungs() -> None:
    one, cycles = trained("continue", (1, 2, 4)), trained("complete", (1, 2, 4))
    assert [result.lr < 1e-6 for result in cycles] == [True, True, False, True]
    assert [result.lr < 1e-6 for result in one] == [False, False, False, True]
    assert losses(one) != losses(cycles)
    assert losses(one) == losses(trained("continue", ())) == losses(trained("complete", ()))


@pytest.mark.usefixtures("cpu_mode")
def test_a_trial_is_trained_by_the_rungs_of_its_study(tmp_path: Path) -> None:
    architecture = SPACE.published[0].architecture
    found = {}
    for rungs in ("continue", "complete"):
        recipe = override(load_recipe("digits"), [f"rungs={rungs}", "batch_size=20"])
        spec = small_spec(recipe=recipe.text, rungs=(1, 2, 3), limit=100)
        evaluator = TrainingEvaluator(
            WorkerPlan(spec.to_json(), str(tmp_path), None, "", __version__)
        )
        task = load_study_task(spec)
        *epochs, _saved = evaluator.evaluate(Job(0, 0, 5, architecture))
        layers = lower(SPACE, architecture, task.input, 10)
        alone = Session(layers, task, recipe, 3, 5, "cpu")
        alone.rungs = spec.rungs
        found[rungs] = [epoch.metrics["loss"] for epoch in epochs]
        assert found[rungs] == [alone.run_epoch().metrics["loss"] for _ in range(3)]
    assert found["continue"] != found["complete"]


@pytest.mark.parametrize(("rungs", "same"), [("continue", True), ("complete", False)])
def test_results_of_other_rungs_are_reused_only_where_the_schedule_was_one(
    rungs: AtRungs, same: bool
) -> None:
    text = replace(RECIPE, rungs=rungs).text
    mine, theirs = (small_spec(recipe=text, rungs=judged) for judged in ((1, 2, 4), (2, 4)))
    architecture = SPACE.published[0].architecture
    assert comparable(mine, mine, architecture)
    assert comparable(mine, theirs, architecture) is same
    assert not comparable(mine, small_spec(recipe=text, rungs=(1, 2, 5)), architecture)
