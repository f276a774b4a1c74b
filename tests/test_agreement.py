"""A short schedule and the training that confirms it: how well both rank networks of one cost."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from nas.results import CONFIRMED, StudyResults, agreement, agreement_document, confirmed_lines
from nas.study import RealTraining, StudySpec
from tests.studies import BUDGET, complete_trial, small_spec

LIMIT = BUDGET[0].limit
REAL = RealTraining("# imagenet\nepochs = 90\n", 90, 224, 2)


def searched(
    pairs: Sequence[tuple[float, float]], madds: int = LIMIT, cheap: int = 0
) -> StudyResults:
    """Return a search with these (short, real) errors, its first `cheap` networks off the band."""
    spec = small_spec(real=REAL, confirm=len(pairs), seeds=1)
    trials, reports = [], {}
    for number, (short, real) in enumerate(pairs):
        trials.append(complete_trial(number, short, madds // 2 if number < cheap else madds))
        report = {"study": "s-confirmed", "recipe": "imagenet", "epochs": 90, "input": "3x224x224",
                  "validation": [real, real + 0.01], "test": [], "images": None}  # fmt: skip
        reports[number] = {CONFIRMED: report}
    return StudyResults(spec, trials, reports)


def test_nothing_is_said_where_nothing_was_confirmed() -> None:
    found = StudyResults(small_spec(), [complete_trial(0, 0.3)], {})
    assert agreement(found) is None
    assert agreement_document(found) is None
    assert confirmed_lines(found) == []


@pytest.mark.parametrize(("networks", "cheap"), [(7, 0), (10, 3)])
def test_fewer_than_eight_networks_of_the_band_say_nothing(networks: int, cheap: int) -> None:
    found = searched([(0.1 * k, 0.05 * k) for k in range(networks)], cheap=cheap)
    whole = agreement(found)
    assert whole is not None
    assert (whole.n, whole.rho) == (7, None)
    assert "8 needed" in str(whole)
    assert len(confirmed_lines(found)) == networks + 1


orders = st.integers(8, 20).flatmap(lambda n: st.permutations(range(n)))


@settings(deadline=None)
@given(orders)
def test_the_correlation_is_that_of_the_networks_with_both(order: list[int]) -> None:
    pairs = [(0.1 + 0.02 * short, 0.1 + 0.03 * real) for short, real in enumerate(order)]
    found = searched([(0.99, 0.01), *pairs], cheap=1)  # the one off the band would change it
    whole = agreement(found)
    assert whole is not None
    assert whole.n == len(pairs)
    assert whole.rho is not None
    assert whole.rho.value == pytest.approx(spearmanr(range(len(order)), order).statistic)
    assert whole.rho.low <= whole.rho.value <= whole.rho.high
    document = agreement_document(found)
    assert document is not None
    assert document["networks"] == len(pairs)
    assert str(whole) == document["text"] == confirmed_lines(found)[-1][1]


def test_a_line_says_how_a_network_was_confirmed() -> None:
    (line, _) = confirmed_lines(searched([(0.4, 0.2)]))
    assert line[1] == (
        "validation error 20.50 % ± 6.35 (2 seeds) (imagenet, 90 epochs at 3x224x224)"
    )


def test_a_study_keeps_its_real_training() -> None:
    spec = small_spec(real=REAL)
    assert StudySpec.from_json(spec.to_json()) == spec
