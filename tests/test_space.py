"""Membership, canonical forms and mutation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.errors import ArchitectureError
from nas.space.architecture import Architecture
from nas.space.file import read_space
from nas.space.lowering import lower
from nas.space.search_space import SearchSpace
from tests.members import (
    HEAD,
    members,
    members_of,
    neighbours,
    space_named,
    spaces,
    written_members,
)
from tests.messages import carries, carrying
from tests.traced import kept_bytes

IGCV3 = space_named("igcv3")
TRICKY = space_named("tricky")
D = IGCV3.parse("igcv3-d-1.0")


@settings(max_examples=60, deadline=None)
@given(st.data(), spaces)
def test_two_members_are_equal_exactly_where_their_layers_are(
    data: DataObject, space: SearchSpace
) -> None:
    one, other = data.draw(neighbours(space))
    same_form = space.canonical(one) == space.canonical(other)
    assert same_form == (lower(space, one) == lower(space, other))
    assert same_form == (space.check(one).arch_id == space.check(other).arch_id)


@settings(max_examples=40, deadline=None)
@given(st.data(), spaces)
def test_the_canonical_form_is_a_member_with_the_same_layers_and_final(
    data: DataObject, space: SearchSpace
) -> None:
    written = data.draw(written_members(space))
    canonical = space.check(written)
    assert space.contains(written)
    assert space.contains(canonical)
    assert space.check(canonical) == canonical
    assert lower(space, written) == lower(space, canonical)


@settings(max_examples=40, deadline=None)
@given(st.data(), spaces)
def test_the_canonical_form_of_a_network_is_that_of_each_of_its_stages(
    data: DataObject, space: SearchSpace
) -> None:
    for written in data.draw(st.lists(written_members(space), max_size=5)):
        stages = [space.canonical_stage(written.choices(i)) for i in range(len(space.stages))]
        assert space.canonical(written).stages == tuple(stages)
        assert space.recorded(written.text) == space.canonical(written)


@settings(max_examples=40, deadline=None)
@given(st.data(), spaces, st.integers(0, 2**32 - 1))
def test_a_mutant_is_another_member_in_canonical_form(
    data: DataObject, space: SearchSpace, seed: int
) -> None:
    member = data.draw(members(space))
    mutant = space.mutate(member, np.random.default_rng(seed))
    assert mutant.arch_id != member.arch_id
    assert space.check(mutant) == mutant
    assert lower(space, mutant) != lower(space, member)


def test_mutation_is_a_function_of_its_generator() -> None:
    chains = []
    for _ in range(2):
        rng, chain = np.random.default_rng(3), [D]
        for _ in range(20):
            chain.append(IGCV3.mutate(chain[-1], rng))
        chains.append(chain)
    assert chains[0] == chains[1]
    assert len(set(chains[0])) > 15


def tiny(choices: str, stages: str, stem: int = 8) -> SearchSpace:
    head = HEAD.format(name="tiny", input="3x32x32", stem=stem, stem_stride=1)
    defaults = 'depth = 1\nexpansion = 1\ng1 = 1\ng2 = 1\nrelu = "none"\npermute2 = false\n'
    given_keys = {line.split("=")[0].strip() for line in choices.splitlines()}
    kept = [line for line in defaults.splitlines() if line.split()[0] not in given_keys]
    return read_space(head + "\n".join(["[choices]", *kept, choices, stages]), "tiny.toml")


@pytest.mark.parametrize(
    "space",
    [
        # no single exchange is possible: the width 12 needs G2 = 3 and the width 16 needs G2 = 4
        tiny("expansion = 12\ng2 = [3, 8]", "[[stage]]\nwidth = [12, 16]"),
        # what a dead stage or a missing convolution would be filled with first cannot be built
        tiny("depth = [0, 1]\ng1 = [8, 4]\ng2 = [8, 4]", "[[stage]]\nwidth = [12, 16]"),
        tiny(
            'expansion = [0, 2]\ng1 = [8, 2]\nrelu = ["first", "last"]\npermute2 = [true, false]',
            "[[stage]]\nwidth = [4, 6]\n[[stage]]\ndepth = [0, 2]\ng1 = [3, 4]\nwidth = [8, 9]",
        ),
    ],
    ids=["two at once", "dead stage", "two stages"],
)
def test_mutation_reaches_every_member(space: SearchSpace) -> None:
    members_of_it = {member.text for member in members_of(space)}
    assert len(members_of_it) > 1
    rng, at = np.random.default_rng(0), space.parse(min(members_of_it))
    seen = {at.text}
    for _ in range(100 * len(members_of_it)):
        if seen == members_of_it:
            break
        at = space.mutate(at, rng)
        seen.add(at.text)
    assert seen == members_of_it


def test_a_space_of_one_member_gives_it_back() -> None:
    space = tiny("", "[[stage]]\nwidth = 8")
    only = space.parse("depth=1,width=8,expansion=1,g1=1,g2=1,relu=none,permute2=no")
    assert space.mutate(only, np.random.default_rng(0)) == only
    assert space.size == 1


def test_the_size_counts_combinations_of_values() -> None:
    assert tiny("g1 = [1, 2]\ng2 = [1, 2, 4]", "[[stage]]\nwidth = [8, 16]").size == 12
    assert IGCV3.size > 10**30


def test_a_repeated_block_must_fit_the_width_of_its_own_stage() -> None:
    space = tiny("depth = [1, 2]\nexpansion = 3\ng1 = [4, 2]", "[[stage]]\nwidth = [16, 18]")
    text = "depth={},width=18,expansion=3,g1=4,g2=1,relu=none,permute2=no"
    space.parse(text.format(1))
    with pytest.raises(ArchitectureError, match=carrying("g1=4 … width=18")):
        space.parse(text.format(2))


def test_a_member_of_other_stages_or_choices_is_refused() -> None:
    for foreign in (
        Architecture("igcv3", IGCV3.keys, D.stages[:3]),
        Architecture("igcv3", IGCV3.keys[:2], tuple(stage[:2] for stage in D.stages)),
    ):
        assert not IGCV3.contains(foreign)
        with pytest.raises(ArchitectureError, match=carrying("igcv3")):
            IGCV3.check(foreign)


def test_true_is_not_1_in_a_member() -> None:
    column = D.choices(0)
    spoilt = tuple(True if key == "depth" else value for key, value in column.items())
    assert not IGCV3.contains(Architecture("igcv3", IGCV3.keys, (spoilt, *D.stages[1:])))


def test_an_unknown_name_lists_the_published_ones() -> None:
    with pytest.raises(ArchitectureError, match=r"igcv3-d-1\.0, igcv3-w, mobilenetv2-1\.0"):
        IGCV3.parse("igcv3-x")


def test_a_message_names_the_stage_the_key_and_the_value() -> None:
    text = D.text.replace("expansion=1-6", "expansion=1-5")
    with pytest.raises(ArchitectureError) as caught:
        IGCV3.parse(text)
    assert carries(caught.value.cause, "'stage2' … expansion=5 … (1, 2, 3, 4, 6)")


def test_refusing_a_thoroughly_wrong_architecture_is_quick() -> None:
    wrong = Architecture("igcv3", IGCV3.keys, (("x",) * len(IGCV3.keys),) * 7)
    assert not any(IGCV3.contains(wrong) for _ in range(20))


def test_what_is_remembered_of_a_stage_tells_1_from_true_whichever_was_asked_first() -> None:
    stages = [list(values) for values in D.stages]
    stages[1][0] = True
    odd = Architecture(D.space, D.keys, tuple(map(tuple, stages)))
    stages[1][0] = 1
    even = Architecture(D.space, D.keys, tuple(map(tuple, stages)))
    for order in ((odd, even), (even, odd)):
        fresh = read_space(IGCV3.source, "igcv3.toml")
        assert [fresh.contains(a) for a in order] == [a is even for a in order]
        with pytest.raises(ArchitectureError):
            fresh.check(odd)


@pytest.mark.parametrize(
    "text",
    [
        "depth=1,width=16",
        "depth=1-2,width=16,expansion=1,g1=2,g2=2,relu=none,permute2=no",
        "depth=X,width=16,expansion=1,g1=2,g2=2,relu=none,permute2=no",
        "depth=1,width=,expansion=1,g1=2,g2=2,relu=none,permute2=no",
        "",
    ],
)
def test_a_record_that_is_no_architecture_is_refused(text: str) -> None:
    with pytest.raises(ArchitectureError):
        IGCV3.recorded(text)


def test_a_record_may_list_its_choices_in_another_order() -> None:
    parts = D.text.split(",")
    assert IGCV3.recorded(",".join(reversed(parts))) == D


def test_a_network_whose_stages_are_all_alike_reads_back() -> None:
    """Its text has one value for each choice, whatever the number of stages."""
    uniform = HEAD.format(name="uniform", input="3x32x32", stem=8, stem_stride=1) + (
        "[choices]\ndepth = 1\nexpansion = 1\ng1 = 1\ng2 = 1\nrelu = 'last'\npermute2 = false\n"
        "width = 8\n[[stage]]\n[[stage]]\nstride = 2\n"
    )
    space = read_space(uniform, "uniform.toml")
    network = space.parse("depth=1,width=8,expansion=1,g1=1,g2=1,relu=last,permute2=no")
    assert len(network.stages) == 2
    assert "-" not in network.text
    assert space.recorded(network.text) == network


def test_little_memory_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk() -> tuple[Any, Any]:
        space, rng, seen = read_space(IGCV3.source, "igcv3.toml"), np.random.default_rng(5), []
        at = D
        for _ in range(30):
            at = space.mutate(at, rng)
            seen.append((at, space.check(at), space.contains(at)))
        return space, seen

    (_, plenty), large = kept_bytes(walk)
    monkeypatch.setattr("nas.space.search_space.REMEMBERED", 2)
    (_, scarce), small = kept_bytes(walk)
    assert scarce == plenty
    assert small < large  # less was kept
