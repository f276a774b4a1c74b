"""What a study has found: its front, its best, its hypervolume."""

import numpy as np
import pytest

from nas.front import non_dominated
from nas.results import best, complete_candidates, front, losses, study_hypervolume
from nas.study import Study
from nas.trial import TrialState
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_all, small_spec

SPEC = small_spec(num_trials=20)


@pytest.fixture(scope="module")
def trials():
    return run_all(Study(SPEC, MemoryStore(), WalkSampler(SPEC)))


def test_only_candidates_measured_to_the_end_can_win(trials):
    done = complete_candidates(trials)
    assert 0 < len(done) < len(trials)
    for trial in trials:
        wins = trial.reference is None and trial.state is TrialState.COMPLETE
        assert (trial in done) == wins


def test_the_front_is_what_nothing_complete_dominates_cheapest_first(trials):
    done, found = complete_candidates(trials), front(SPEC, trials)
    kept = [t for t, keep in zip(done, non_dominated(losses(SPEC, done)), strict=True) if keep]
    assert sorted(t.number for t in found) == sorted(t.number for t in kept)
    assert [t.cost.madds for t in found] == sorted(t.cost.madds for t in found)
    errors = [t.final.top1_error for t in found]
    assert errors == sorted(errors, reverse=True)


def test_the_best_has_the_lowest_error_of_all_that_can_win(trials):
    lowest = min(t.final.top1_error for t in complete_candidates(trials))
    assert best(SPEC, trials).final.top1_error == lowest
    assert best(SPEC, trials) in front(SPEC, trials)


def test_the_hypervolume_grows_with_the_trials_and_stays_in_its_box(trials):
    volumes = [study_hypervolume(SPEC, trials[:count]) for count in range(len(trials) + 1)]
    assert volumes[0] == 0.0
    assert volumes == sorted(volumes)
    assert 0 < volumes[-1] < np.prod(SPEC.reference_point)


def test_a_study_without_results_has_an_empty_front_and_no_best(trials):
    references = [t for t in trials if t.reference]
    for nothing in ([], references):
        assert front(SPEC, nothing) == []
        assert best(SPEC, nothing) is None
        assert study_hypervolume(SPEC, nothing) == 0.0
