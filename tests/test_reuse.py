"""Reuse: which earlier results replace a training, and which do not."""

import copy
import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import StudyFailedError
from nas.space.architecture import Architecture
from nas.study.rungs import Decision
from nas.study.spec_parts import DataIdentity
from nas.study.study import Study
from nas.study.trial import Outcome, Trial, TrialState
from nas.training.loop.recipe import load_recipe, read_recipe
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, measurement, small_spec


def trained(study: Study, directory: Path) -> list[Trial]:
    """Run a study to its end, with weights that lie where they are said to lie."""
    while (trial := study.ask()) is not None:
        if trial.state.finished:
            continue
        study.count(trial.number, trial.attempt, trial.cost, "here")
        decision, epoch = Decision.CONTINUE, 0
        while decision is Decision.CONTINUE:
            epoch += 1
            epoch_seen = measurement(trial, epoch, study.spec)
            decision = study.record(trial.number, trial.attempt, epoch_seen)
        state = TrialState.COMPLETE if epoch == study.spec.rungs[-1] else TrialState.STOPPED
        path = directory / f"{study.spec.name}-{trial.number}"
        path.write_bytes(f"{trial.arch_id} {trial.seed}".encode())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        outcome = Outcome(state, 1.0, weights_path=str(path), weights_sha256=digest)
        study.finish(trial.number, trial.attempt, outcome)
    return study.trials


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    """A store with one finished study, `first`."""
    store = MemoryStore()
    spec = small_spec(name="first", num_trials=8)
    store.create_study(spec)
    trained(Study(spec, store, WalkSampler(spec)), tmp_path)
    return store


def second(store: MemoryStore, directory: Path, **changed: Any) -> list[Trial]:
    """Run another study on the same store."""
    spec = small_spec(**{"name": "second", "num_trials": 8, "reuse": True, **changed})
    store.create_study(spec)
    return trained(Study(spec, store, WalkSampler(spec)), directory)


def complete(trials: list[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def test_the_same_search_again_trains_nothing_that_was_complete(
    store: MemoryStore, tmp_path: Path
) -> None:
    first = store.trials("first")
    trials = second(store, tmp_path)
    assert [t.arch_id for t in trials] == [t.arch_id for t in first]
    reused = [t for t in trials if t.origin]
    assert [t.origin for t in reused] == [f"first/{t.number}" for t in complete(first)]
    assert len(reused) >= 4
    for one in reused:
        old = first[one.number]
        assert one.state is TrialState.COMPLETE
        assert (one.attempt, one.lost) == (0, 0)
        assert one.finished_at == one.created_at > old.finished_at
        for name in ("measurements", "counted", "seed", "reference", "cost", "seconds"):
            assert getattr(one, name) == getattr(old, name), name
        assert Path(one.weights_path).read_text() == f"{one.arch_id} {one.seed}"


class KilledError(BaseException):
    """The driver dies here."""


def test_a_study_that_reuses_is_the_same_after_a_kill_at_any_write(
    store: MemoryStore, tmp_path: Path
) -> None:
    changed = {"num_trials": 5, "published": False, "confirm": 1, "seeds": 2}
    whole = [_essence(t) for t in second(copy.deepcopy(store), tmp_path, **changed)]
    assert any(t[-1] for t in whole)
    for write in itertools.count(store.writes):
        cut = copy.deepcopy(store)

        def die(_: str, write: int = write, cut: MemoryStore = cut) -> None:
            if cut.writes >= write:
                raise KilledError

        cut.before_write = die
        try:
            second(cut, tmp_path, **changed)
            break
        except KilledError:
            cut.before_write = lambda name: None
        assert [_essence(t) for t in second(cut, tmp_path, **changed)] == whole
    assert write > store.writes + 20


def _essence(t: Trial) -> tuple[object, ...]:
    return t.number, t.arch_id, t.seed, t.state, t.measurements, t.replicate_of, t.origin


def test_reuse_is_off_where_it_was_not_asked_for(store: MemoryStore, tmp_path: Path) -> None:
    assert not any(t.origin for t in second(store, tmp_path, reuse=False))


def test_a_result_is_reused_from_where_it_was_measured(store: MemoryStore, tmp_path: Path) -> None:
    second(store, tmp_path)
    third = second(store, tmp_path, name="third")
    assert {t.origin.partition("/")[0] for t in third if t.origin} == {"first"}


DIFFERENT = {
    "task": {"task": "cifar10"},
    "data": {"data_dir": "/elsewhere"},
    "limit": {"limit": 100},
    "recipe": {"recipe": "epochs = 4\nlr = 0.2"},
    "epochs": {"rungs": (1, 2, 5)},
    "split": {"seed": 8},
    "deployed input": {"input": "3x64x64"},
    "deployed classes": {"classes": 11},
}


@pytest.mark.parametrize("difference", DIFFERENT.values(), ids=DIFFERENT)
def test_a_result_of_another_training_is_not_reused(
    store: MemoryStore, tmp_path: Path, difference: Any
) -> None:
    assert not any(t.origin for t in second(store, tmp_path, budget=(), **difference))


IMAGES = DataIdentity("a" * 64, 64, 8, 8)


@pytest.mark.parametrize(
    ("theirs", "mine", "reused"),
    [
        ({"data": IMAGES}, {"data": IMAGES, "data_dir": "/moved"}, True),
        ({"data": IMAGES}, {"data": DataIdentity("b" * 64, 64, 8, 8)}, False),
        ({"data": IMAGES}, {"data": DataIdentity("a" * 64, 224, 28, 28)}, False),
        ({"data": None}, {"data": IMAGES}, False),
        ({"data": None}, {"data": None}, False),
    ],
    ids=["moved", "other images", "other splits", "one unknown", "both unknown"],
)
def test_only_results_on_the_same_images_are_reused(
    tmp_path: Path, theirs: dict[str, Any], mine: dict[str, Any], reused: bool
) -> None:
    store = MemoryStore()
    spec = small_spec(**{"name": "first", "num_trials": 8, "data_dir": "/images", **theirs})
    store.create_study(spec)
    trained(Study(spec, store, WalkSampler(spec)), tmp_path)
    again = second(store, tmp_path, **{"data_dir": "/images", **mine})
    assert any(trial.origin for trial in again) == reused


def test_an_edited_space_is_another_training(store: MemoryStore, tmp_path: Path) -> None:
    text = small_spec().space_text + "\n# a remark\n"
    assert not any(t.origin for t in second(store, tmp_path, space_text=text))


def test_an_old_recipe_is_no_recipe_of_today(tmp_path: Path) -> None:
    """A stored recipe without the initialisation was trained with the old one."""
    today = load_recipe("cifar10").text
    old = today.replace("zero_residuals = true\n", "")
    assert old != today
    assert not read_recipe(old, "old").zero_residuals
    store = MemoryStore()
    spec = small_spec(name="first", num_trials=8, recipe=f"# cifar10\n{old}")
    store.create_study(spec)
    trained(Study(spec, store, WalkSampler(spec)), tmp_path)
    assert not any(t.origin for t in second(store, tmp_path, recipe=f"# cifar10\n{today}"))
    alike = second(store, tmp_path, name="third", recipe=f"# cifar10\n{old}")
    assert {t.origin.partition("/")[0] for t in alike if t.origin} == {"first"}


ALIKE = {
    "lower rungs": {"rungs": (4,)},
    "eta": {"eta": 3},
    "sampler": {"sampler": "another"},
    "objectives": {"objectives": ("top1_error",), "reference_point": (1.0,)},
    "trials": {"num_trials": 5},
    "published": {"published": False},
    "budget": {"budget": ()},
    "the recipe's file name": {"recipe": "# my.toml\nepochs = 4"},
}


@pytest.mark.parametrize("difference", ALIKE.values(), ids=ALIKE)
def test_what_changes_no_training_is_no_hindrance(
    store: MemoryStore, tmp_path: Path, difference: Any
) -> None:
    reused = [t for t in second(store, tmp_path, **difference) if t.origin]
    assert reused
    ladder = small_spec(**difference).ladder
    for one in reused:
        assert [m.rung for m in one.measurements] == [
            ladder.rung(m.epoch) for m in one.measurements
        ]


@pytest.mark.parametrize("mishap", ["gone", "replaced"])
def test_a_result_without_its_weights_is_measured_again(
    store: MemoryStore, tmp_path: Path, mishap: str
) -> None:
    for file in tmp_path.glob("first-*"):
        file.unlink() if mishap == "gone" else file.write_text("something else")
    assert not any(t.origin for t in second(store, tmp_path))


def test_further_seeds_are_reused_once_each(store: MemoryStore, tmp_path: Path) -> None:
    changed = {"confirm": 2, "seeds": 3, "published": False}
    one = second(store, tmp_path, **changed)
    two = second(store, tmp_path, name="third", **changed)
    for trials in (one, two):
        for of in {t.replicate_of for t in trials} - {None}:
            seeds = [t.seed for t in trials if of in (t.number, t.replicate_of)]
            assert len(set(seeds)) == len(seeds) == 3
    assert [t.seed for t in two if t.replicate] == [t.seed for t in one if t.replicate]
    assert all(t.origin for t in two if t.replicate)
    assert not any(t.origin for t in one if t.replicate)


def test_a_candidate_that_is_a_published_network_is_not_trained_twice(tmp_path: Path) -> None:
    class Repeats(WalkSampler):
        def propose(
            self, history: Sequence[Trial], number: int, rng: np.random.Generator
        ) -> Architecture | None:
            published = self.costs.space.published[0].architecture
            return published if number == 6 else super().propose(history, number, rng)

    store, spec = MemoryStore(), small_spec(reuse=True, budget=())
    store.create_study(spec)
    trials = trained(Study(spec, store, Repeats(spec)), tmp_path)
    named = next(t for t in trials if t.reference == "small-plain")
    same = [t for t in trials if t.candidate and t.arch_id == named.arch_id]
    assert same
    for one in same:
        if one.number > named.number:
            assert one.origin == f"study/{named.number}"


def test_a_reused_result_does_not_hide_that_trials_keep_failing(
    store: MemoryStore, tmp_path: Path
) -> None:
    spec = small_spec(name="second", reuse=True)
    store.create_study(spec)
    study = Study(spec, store, WalkSampler(spec))
    crash = Outcome(TrialState.FAILED, 0.1, "crash", "boom")

    def fail_all() -> None:
        while (trial := study.ask()) is not None:
            study.finish(trial.number, trial.attempt, crash)  # does nothing to a reused one

    with pytest.raises(StudyFailedError):
        fail_all()
    assert sum(t.state is TrialState.FAILED for t in study.trials) == 3
    assert any(t.origin for t in study.trials)
