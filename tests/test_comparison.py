"""Comparisons: known differences are found, noise is called noise, in words and numbers."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas.errors import NasError
from nas.results.comparison import compare, num_needed
from nas.results.comparison_text import (
    comparison_document,
    comparison_facts,
    comparison_statements,
    group_table,
    pair_rows,
)
from tests.compared import LEAN, measured, noise, spec_of
from tests.messages import carries, carrying

SPACES = spec_of("matched", 24)
PAIRS = spec_of("paired:g1", 30, block=3)
THIRD = (*SPACES.more_spaces, ("third", LEAN.replace('"lean"', '"third"')))


def by_space(**effects: Any) -> Callable[..., Any]:
    """Return errors around 30 % that an effect of the space moves."""
    return lambda trial: 0.3 + effects.get(trial.architecture.space, 0.0) + 0.02 * noise(trial)


def by_g1(effect: Any) -> Callable[..., Any]:
    """Return errors that differ by base far more than by the value."""
    return lambda trial: (
        0.3
        + 0.1 * np.sin(trial.seed)
        + effect * np.log2(max(trial.architecture.column("g1")))
        + 0.01 * noise(trial)
    )


def test_a_better_space_is_found() -> None:
    found = compare(SPACES, measured(SPACES, by_space(rich=-0.06)))
    (pair,) = found.pairs
    assert [group.name for group in found.groups] == ["lean", "rich"]
    assert [group.n for group in found.groups] == [12, 12]
    assert pair.significant
    assert carries(pair.verdict, "rich … lower")
    assert pair.mean.low < 0.06 < pair.mean.high
    assert pair.median.value == pytest.approx(
        found.groups[0].median.value - found.groups[1].median.value
    )
    assert pair.p_distance < 0.05
    assert found.complete


def test_no_difference_is_said_to_be_none() -> None:
    (pair,) = compare(SPACES, measured(SPACES, by_space())).pairs
    assert not pair.significant
    assert not any(name in pair.verdict for name in ("lean", "rich"))
    assert pair.mean.low <= 0 <= pair.mean.high


def test_numbers_of_a_group_are_those_of_its_errors() -> None:
    trials = measured(SPACES, by_space(rich=-0.01))
    group = compare(SPACES, trials, (0.28, 0.3)).groups[1]
    own = [t for t in trials if t.architecture.space == "rich"]
    errors = np.array([t.value("top1_error") for t in own])
    assert group.errors == tuple(sorted(errors))
    assert group.mean.value == pytest.approx(errors.mean())
    assert [each.value for each in group.quartiles] == pytest.approx(
        np.quantile(errors, [0.25, 0.5, 0.75]).tolist()
    )
    assert group.best == errors.min()
    assert [(at, share.value) for at, share in group.below] == [
        (level, np.mean(errors <= level)) for level in (0.28, 0.3)
    ]
    costs = [t.cost.madds for t in own]
    assert group.madds == (np.mean(costs), min(costs), max(costs))


def test_the_same_study_gives_the_same_comparison() -> None:
    trials = measured(SPACES, by_space())
    assert compare(SPACES, trials) == compare(SPACES, trials)


def test_three_spaces_give_three_pairs_corrected_for_their_number() -> None:
    spec = replace(SPACES, num_trials=30, more_spaces=THIRD)
    found = compare(spec, measured(spec, by_space(rich=-0.08)))
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("lean", "rich"), ("lean", "third"), ("rich", "third"),
    ]  # fmt: skip
    assert [pair.significant for pair in found.pairs] == [True, False, True]
    assert all(pair.p_holm >= pair.p for pair in found.pairs)
    assert all("after Holm" in line for line in comparison_statements(spec, found))


def test_pairs_see_what_lies_far_below_the_scatter_of_the_bases() -> None:
    found = compare(PAIRS, measured(PAIRS, by_g1(0.02)))
    assert found.key == "g1"
    assert [group.name for group in found.groups] == ["g1=1", "g1=2", "g1=4"]
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("g1=2", "g1=1"), ("g1=4", "g1=1"),
    ]  # fmt: skip
    for pair, effect in zip(found.pairs, (0.02, 0.04), strict=True):
        assert pair.significant
        assert pair.mean.low < effect < pair.mean.high
        assert pair.mean.high - pair.mean.low < 0.03
        assert pair.verdict == "g1=1 has the lower mean error"


def test_the_cost_that_changes_with_a_choice_is_said() -> None:
    found = compare(PAIRS, measured(PAIRS, by_g1(0.0)))
    means = [group.madds[0] for group in found.groups]
    assert means == sorted(means, reverse=True)
    assert any("not at equal cost" in text for _, text in comparison_facts(PAIRS, found))
    free = spec_of("paired:relu", 20, block=2)
    same = compare(free, measured(free, by_g1(0.0)))
    assert same.groups[0].madds == same.groups[1].madds
    assert not any("not at equal cost" in text for _, text in comparison_facts(free, same))


def test_failed_networks_are_left_out_and_told() -> None:
    trials = measured(SPACES, by_space(), failing=lambda t: t.number in (0, 9))
    found = compare(SPACES, trials)
    assert [(group.n, group.failed, group.missing) for group in found.groups] == [
        (11, 1, 0), (11, 1, 0),
    ]  # fmt: skip
    assert any("1 of lean, 1 of rich" in text for _, text in comparison_facts(SPACES, found))
    blocks = measured(PAIRS, by_g1(0.0), failing=lambda t: t.number == 4)
    found = compare(PAIRS, blocks)
    assert [group.n for group in found.groups] == [9, 9, 9]
    assert [group.failed for group in found.groups] == [0, 1, 0]


def test_an_unfinished_study_is_compared_as_far_as_it_goes() -> None:
    trials = measured(SPACES, by_space())
    found = compare(SPACES, trials[:13])
    assert [(group.n, group.missing) for group in found.groups] == [(7, 5), (6, 6)]
    assert not found.complete
    assert any("11 of 24 networks" in text for _, text in comparison_facts(SPACES, found))
    few = compare(SPACES, trials[:8]).pairs[0]
    assert carries(few.verdict, "4 … too few")
    with pytest.raises(NasError, match=carrying("2")):
        compare(SPACES, trials[:2])


def test_a_search_is_no_comparison() -> None:
    spec = replace(SPACES, sampler="evolution")
    with pytest.raises(NasError, match="is not a comparison"):
        compare(spec, [])


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("groups", [2, 3])
def test_fewer_than_needed_cannot_be_significant(groups: int, paired: bool) -> None:
    needed = num_needed(groups, paired)
    for n, enough in ((needed - 1, False), (needed, True)):
        if paired:
            words = "g1" if groups == 3 else "g1=1,4"
            spec = spec_of(f"paired:{words}", n * groups, block=groups)
            errors = by_g1(0.1)
        else:
            spec = spec_of("matched", n * groups)
            spec = replace(spec, more_spaces=THIRD) if groups == 3 else spec
            errors = by_space(rich=-0.25, third=0.25)
        found = compare(spec, measured(spec, errors))
        assert all(pair.enough is enough for pair in found.pairs)
        assert enough or not any(pair.significant for pair in found.pairs)


def test_words_and_plain_data_say_the_same() -> None:
    found = compare(SPACES, measured(SPACES, by_space(rich=-0.06)))
    plain = json.loads(json.dumps(comparison_document(SPACES, found)))
    (pair,) = plain["pairs"]
    (line,) = plain["statements"]
    assert pair["verdict"] in line
    assert f"{100 * pair['mean_difference']['value']:+.2f}" in line
    assert carries(line, "n = 12 … 1 seed … digits … 1 epoch")
    columns, rows = group_table(found)
    shown = {row["statistic"]: row for row in rows}
    for group in plain["groups"]:
        assert group["name"] in columns
        assert shown["networks"][group["name"]] == str(group["n"]) == "12"
        assert shown["best"][group["name"]] == f"{100 * group['best']:.2f}"
        assert shown["median"][group["name"]].startswith(f"{100 * group['median']['value']:.2f} (")
    assert [row["pair"] for row in pair_rows(found)] == ["lean - rich"]
    words = dict(comparison_facts(SPACES, found))
    assert "85 to 100 % of 1.5M-madds" in words["drawn"]
    assert "no early stopping" in words["trained on"]
