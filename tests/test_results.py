"""Results of a study: its front, its best, its hypervolume."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.results.findings import StudyResults, complete_candidates
from nas.stats.means import difference
from nas.stats.pareto import non_dominated
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from tests.memory_store import MemoryStore
from tests.messages import carries
from tests.studies import WalkSampler, complete_trial, run_all, small_spec

SPEC = small_spec(num_trials=20)


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return run_all(Study(SPEC, MemoryStore(), WalkSampler(SPEC)))


def test_only_candidates_measured_to_the_end_can_win(trials: list[Trial]) -> None:
    done = complete_candidates(trials)
    assert 0 < len(done) < len(trials)
    for trial in trials:
        wins = trial.reference is None and trial.state is TrialState.COMPLETE
        assert (trial in done) == wins


def test_the_front_is_what_nothing_complete_dominates_cheapest_first(trials: list[Trial]) -> None:
    found = StudyResults(SPEC, trials)
    done, front = complete_candidates(trials), found.front
    kept = [t for t, keep in zip(done, non_dominated(found.losses(done)), strict=True) if keep]
    assert sorted(t.number for t in front) == sorted(t.number for t in kept)
    assert [t.cost.madds for t in front] == sorted(t.cost.madds for t in front)
    errors = [t.value("top1_error") for t in front]
    assert errors == sorted(errors, reverse=True)


def test_the_best_has_the_lowest_error_of_all_that_can_win(trials: list[Trial]) -> None:
    found = StudyResults(SPEC, trials)
    lowest = min(t.value("top1_error") for t in complete_candidates(trials))
    assert found.best.value("top1_error") == lowest
    assert found.best in found.front


def test_the_hypervolume_grows_with_the_trials_and_stays_in_its_box(trials: list[Trial]) -> None:
    volumes = [StudyResults(SPEC, trials[:count]).hypervolume for count in range(len(trials) + 1)]
    assert volumes[0] == 0.0
    assert volumes == sorted(volumes)
    assert 0 < volumes[-1] < np.prod(SPEC.reference_point)


def test_a_study_without_results_has_an_empty_front_and_no_best(trials: list[Trial]) -> None:
    references = [t for t in trials if t.reference]
    for nothing in ([], references):
        found = StudyResults(SPEC, nothing)
        assert (found.front, found.unconfirmed, found.best) == ([], [], None)
        assert found.hypervolume == 0.0
        assert found.verdicts == ()


# ---- the test split, and what may be said of a difference ----


def scored(trials: list[Trial], errors: Any) -> Any:
    """Return reports that give each complete training of a network its error on the test split."""
    return {
        one.number: {"test": {"top1_error": error, "loss": 1.0, "images": 359.0}}
        for one, error in zip(trials, errors, strict=True)
    }


@pytest.fixture
def compared() -> tuple[Any, list[Any], list[Any]]:
    """A best network and a reference, each with three seeds."""
    numbered = dict(enumerate([0.05] * 6))
    own = [complete_trial(n, error, reference="small-plain" if n == 1 else None,
                 replicate_of=n % 2 if n > 1 else None, replicate=n // 2)
           for n, error in numbered.items()]  # fmt: skip
    return own, [own[0], own[2], own[4]], [own[1], own[3], own[5]]


def test_the_test_error_is_the_mean_over_the_seeds(
    compared: tuple[Any, list[Any], list[Any]],
) -> None:
    trials, best, _ = compared
    found = StudyResults(SPEC, trials, scored(best, [0.05, 0.08, 0.09]))
    own = found.test(0)
    assert (own.mean, own.n, own.split, own.images) == (pytest.approx(0.22 / 3), 3, "test", 359)
    assert own.reach == pytest.approx(0.0517, abs=1e-4)
    assert found.test(1) is None
    assert found.verdict(1) is None
    assert found.verdicts == ()


def test_a_difference_within_the_noise_of_seeds_and_images_is_said_to_be_none(
    compared: tuple[Any, list[Any], list[Any]],
) -> None:
    trials, best, other = compared
    reports = scored(best, [0.070, 0.071, 0.070]) | scored(other, [0.080, 0.081, 0.080])
    found = StudyResults(SPEC, trials, reports)
    # the seeds alone tell them apart, 359 images do not
    assert difference([0.070, 0.071, 0.070], [0.080, 0.081, 0.080]).high < 0
    (verdict,) = found.verdicts
    assert carries(verdict, "not … small-plain … 359 images")
    assert "one seed" not in verdict


def test_a_difference_beyond_the_noise_is_said_with_its_interval(
    compared: tuple[Any, list[Any], list[Any]],
) -> None:
    trials, best, other = compared
    for low, high, word in ((best, other, "lower"), (other, best, "higher")):
        reports = scored(low, [0.01, 0.011, 0.012]) | scored(high, [0.20, 0.21, 0.22])
        gap = StudyResults(SPEC, trials, reports).verdict(1)
        assert gap.distinguishable
        assert carries(str(gap), f"{word} … small-plain … points … 95 % … 359 images")


def test_a_single_seed_is_said(compared: tuple[Any, list[Any], list[Any]]) -> None:
    trials, best, other = compared
    alone = [t for t in trials if t not in other[1:]]
    found = StudyResults(SPEC, alone, scored(best, [0.07] * 3) | scored(other[:1], [0.08]))
    (verdict,) = found.verdicts
    assert carries(verdict, "not … small-plain … 359 images … one seed")


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4),
       st.lists(st.integers(0, 50), min_size=1, max_size=4), st.integers(50, 5000))  # fmt: skip
@settings(deadline=None)
def test_the_interval_of_a_difference_holds_it_and_is_widened_by_the_images(
    one: list[int], other: list[int], images: int
) -> None:
    first, second = ([wrong / images for wrong in own] for own in (one, other))
    gap = difference(first, second, images)
    assert gap.low < gap.mean < gap.high
    back = difference(second, first, images)
    assert (gap.low, gap.high) == (pytest.approx(-back.high), pytest.approx(-back.low))
    more = difference(first, second, 1000 * images)
    assert len(one) > 1 or len(other) > 1 or more.high - more.low < gap.high - gap.low


def test_two_shares_alone_are_compared_by_their_images() -> None:
    # Agresti and Caffo 2000: 7 of 100 against 21 of 100, shares with a failure and a success more
    gap = difference([0.07], [0.21], 100)
    variance = (8 / 102) * (94 / 102) / 102 + (22 / 102) * (80 / 102) / 102
    assert gap.mean == pytest.approx(-0.14)
    assert (gap.high - gap.low) / 2 == pytest.approx(1.973 * variance**0.5, rel=2e-3)
