"""The complementary condition, against the channels themselves, and the widest strict IGCV3."""

import functools
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.model import CostModel, total_cost
from nas.errors import ArchitectureError, SpaceError
from nas.feasible import feasible_space
from nas.space.architecture import Architecture, parse
from nas.space.complementary import complementary
from nas.space.file import load_space, read_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.space.search_space import SearchSpace
from nas.training.network import fvcore_count as referee
from tests.blocks.families import assert_counted_thrice, assert_feasible_agrees
from tests.members import costs_of_members
from tests.messages import carries, carrying
from tests.widest import block_conditions, widest

SPACE = load_space("igcv3")
COSTS = CostModel(SPACE)
STRICT = """
schema = 1
name = "strict"
block = "igcv3"
title = "small enough to list"
deployment = { input = "3x16x16", classes = 4 }
stem = { width = 12, stride = 1 }
head = { width = 16 }
choices = { g1 = [1, 2, 4], g2 = ["strict", 2], relu = "depthwise", permute2 = false }
[[stage]]
depth = [0, 1, 2]
width = [8, 12]
expansion = [0, 2]
[[stage]]
stride = 2
depth = [1, 2]
width = [12, 24]
expansion = 2
"""


def branches(width: int, g1: int, g2: int) -> tuple[list[set[int]], list[set[int]]]:
    """The channels that each group gives and reads, with the shuffle of g1 groups between them."""
    shuffled = [branch * (width // g1) + row for row in range(width // g1) for branch in range(g1)]
    first = [set(range(i * width // g1, (i + 1) * width // g1)) for i in range(g1)]
    second = [set(shuffled[i * width // g2 : (i + 1) * width // g2]) for i in range(g2)]
    return first, second


triples = st.integers(1, 96).flatmap(
    lambda width: st.tuples(
        st.just(width),
        *[st.sampled_from([d for d in range(1, width + 1) if width % d == 0])] * 2,
    )
)


@settings(deadline=None)
@given(triples)
def test_the_condition_is_what_the_channels_show(triple: Any) -> None:
    first, second = branches(*triple)
    shared = {len(one & other) for one in first for other in second}
    condition = complementary(*triple)
    assert (condition == "strict") == (shared == {1})
    assert (condition != "none") == (len(shared) == 1)


@pytest.mark.parametrize(
    ("width", "g1", "g2", "condition"),
    [
        (192, 2, 2, "loose"),
        (192, 12, 16, "strict"),
        (48, 24, 2, "strict"),
        (12, 4, 6, "none"),
        (8, 8, 8, "none"),
        (24, 4, 4, "none"),
        (5, 1, 1, "loose"),
        (1, 1, 1, "strict"),
    ],
)
def test_conditions(width: int, g1: int, g2: int, condition: str) -> None:
    assert complementary(width, g1, g2) == condition
    assert complementary(width, g2, g1) == condition


@pytest.mark.parametrize("numbers", [(12, 5, 2), (12, 2, 5), (0, 1, 1), (12, 0, 1), (12, -2, 1)])
def test_groups_that_do_not_divide_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ArchitectureError, match=carrying("group counts")):
        complementary(*numbers)


def test_igcv3_d_is_loose_in_every_block_and_mobilenet_has_one_group() -> None:
    conditions = block_conditions(lower(SPACE, SPACE.parse("igcv3-d-1.0")))
    assert len(conditions) == 32
    assert set(conditions.values()) == {"loose"}
    blocks = block_conditions(lower(SPACE, SPACE.parse("mobilenetv2-1.0")))
    assert len(blocks) == 16
    assert "stage1.0" not in blocks


@functools.cache
def found() -> Architecture:
    return widest(COSTS, SPACE.parse("igcv3-w"))


def test_the_widest_network_is_strict_in_every_block() -> None:
    conditions = block_conditions(lower(SPACE, found()))
    assert len(conditions) == 17
    assert set(conditions.values()) == {"strict"}


def test_the_widest_network_is_wider_and_costs_no_more_stage_by_stage() -> None:
    reference = SPACE.parse("igcv3-w")
    assert all(
        int(a) >= int(b)
        for a, b in zip(found().column("width"), reference.column("width"), strict=True)
    )
    assert COSTS.cost(found()).madds <= COSTS.cost(reference).madds
    stages: dict[Any, Any] = {}
    for architecture in (found(), reference):
        layers = lower(SPACE, architecture)
        for stage in SPACE.stages:
            part = [layer for layer in layers if layer.name.startswith(f"{stage.name}.")]
            stages.setdefault(stage.name, []).append(total_cost(part).madds)
    assert all(one <= other for one, other in stages.values())


def test_the_last_stage_cannot_be_widened_alone() -> None:
    """Every greater width costs too much or is not strict."""
    reference = SPACE.parse("igcv3-w")
    index = SPACE.keys.index("width")
    tried = 0
    stages = [list(values) for values in found().stages]
    for width in range(int(stages[6][index]) + 8, 4 * 640 + 1, 8):
        for g1 in (18, 36, 54, 72, 90, 108, 120, 135):
            stages[6][index], stages[6][SPACE.keys.index("g1")] = width, g1
            wider = Architecture("igcv3", SPACE.keys, tuple(map(tuple, stages)))
            try:
                SPACE.assemble(wider)
            except ArchitectureError:
                continue
            last = [x for x in lower(SPACE, wider) if x.name.startswith(("stage7.", "head."))]
            allowed = [
                x for x in lower(SPACE, reference) if x.name.startswith(("stage7.", "head."))
            ]
            tried += 1
            assert total_cost(last).madds > total_cost(allowed).madds
    assert tried


def test_the_widest_network_is_the_variant_of_the_space() -> None:
    entry = SPACE.known("igcv3-widest-strict")
    assert entry.architecture == found()
    assert "generated by rule" in str(entry.numbers["source"])
    assert "no table published" in str(entry.numbers["source"])
    assert not entry.counted
    layers = lower(SPACE, entry.architecture, Shape(3, 32, 32), 10)
    assert referee.fvcore_cost(layers) == total_cost(layers)


def test_a_reference_without_pairs_is_refused() -> None:
    with pytest.raises(ArchitectureError, match=carrying("stage1 … first")):
        widest(COSTS, SPACE.parse("mobilenetv2-1.0"))


def test_a_reference_that_leaves_no_room_is_refused() -> None:
    text = "depth=1,width=8-16-24-48-64-112-160,expansion=1,g1=8,g2=8,relu=none,permute2=no"
    with pytest.raises(ArchitectureError, match="no strictly complementary network"):
        widest(COSTS, SPACE.parse(text))


def test_strict_groups_can_be_searched() -> None:
    space = read_space(STRICT, "strict.toml")
    assert_feasible_agrees(space, 2)
    for seed in range(3):
        assert_counted_thrice(space, seed, Shape(3, 16, 16), 4)


def test_strict_groups_are_strict_in_a_searched_network() -> None:
    space = read_space(STRICT, "strict.toml")
    text = "depth=1-2,width=12-24,expansion=2,g1=2-4,g2=strict,relu=depthwise,permute2=no"
    layers = lower(space, space.parse(text))
    assert set(block_conditions(layers).values()) == {"strict"}
    assert len(block_conditions(layers)) == 3


def test_strict_groups_that_do_not_divide_are_named() -> None:
    choices: dict[str, Any] = {
        "expansion": 6,
        "g1": 2,
        "g2": "strict",
        "relu": "none",
        "permute2": False,
    }
    problem = SPACE.kind.problem(choices, 16, 24)
    assert problem is not None
    assert problem[0] == "g2"
    assert carries(problem[1], "g2=strict … 48 groups … width=24")
    assert SPACE.kind.problem({**choices, "g1": 4}, 16, 24) is None
    widths = "width=32-24-32-64-96-160-320"
    text = f"depth=1,{widths},expansion=1,g1=1,g2=strict,relu=none,permute2=no"
    written = parse(text, SPACE.name, SPACE.keys, len(SPACE.stages))
    with pytest.raises(ArchitectureError, match=carrying("stage2 … strict … 32 … width=24")):
        SPACE.assemble(written)


LINE = 'complementary = "strict"'
CONSTRAINED = STRICT.replace('block = "igcv3"', f'block = "igcv3"\n{LINE}').replace(
    "g1 = [1, 2, 4]", "g1 = [1, 2, 4, 12]"
)
NUMBERS = CONSTRAINED.replace(
    'g1 = [1, 2, 4, 12], g2 = ["strict", 2]', "g1 = [2, 4, 6, 12], g2 = [2, 4, 6, 12]"
)


def conditions(space: SearchSpace, architecture: Architecture) -> Any:
    return set(block_conditions(lower(space, architecture)).values())


@pytest.mark.parametrize("text", [CONSTRAINED, NUMBERS], ids=["strict and 2", "numbers"])
def test_a_constraint_holds_for_every_member(text: Any) -> None:
    space = read_space(text, "strict.toml")
    free = read_space(text.replace(LINE, ""), "free.toml")
    members, all_of_them = (costs_of_members(CostModel(each)) for each in (space, free))
    strict = {each for each in all_of_them if conditions(free, each) <= {"strict"}}
    assert {each.text for each in members} == {each.text for each in strict}
    assert 0 < len(members) < len(all_of_them)
    assert_feasible_agrees(space, 3)


def test_mutants_and_draws_keep_the_constraint() -> None:
    space = read_space(NUMBERS, "strict.toml")
    rng = np.random.default_rng(0)
    feasible = feasible_space(CostModel(space), ())
    for member in feasible.sample_many(rng, 20):
        assert conditions(space, member) <= {"strict"}
        assert conditions(space, space.mutate(member, rng)) <= {"strict"}


def test_loose_admits_strict_and_refuses_the_rest() -> None:
    loose = read_space(NUMBERS.replace(LINE, 'complementary = "loose"'), "loose.toml")
    members = costs_of_members(CostModel(loose))
    found = set().union(*(conditions(loose, each) for each in members))
    assert found == {"strict", "loose"}
    assert len(members) > len(costs_of_members(CostModel(read_space(NUMBERS, "strict.toml"))))


def test_a_network_that_breaks_the_constraint_is_refused() -> None:
    space = read_space(CONSTRAINED, "strict.toml")
    text = "depth=1-2,width=12-24,expansion=2,g1=2-4,g2=2-strict,relu=depthwise,permute2=no"
    with pytest.raises(ArchitectureError, match=carrying("stage1 … g2=2 … strictly complementary")):
        space.parse(text)
    assert read_space(CONSTRAINED.replace(LINE, ""), "free.toml").parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((LINE, 'complementary = "strictly"'), "f.toml … complementary = 'strictly'"),
        ((LINE, "complementary = true"), "f.toml … complementary = True"),
        (('["strict", 2]', "[5, 7]"), "f.toml … g2 = 5"),
        (('["strict", 2]', '["strict", 3]'), "f.toml … stage2 … g2 = 3 … strictly complementary"),
        (('["strict", 2]', "1"), "f.toml … strictly complementary"),
    ],
)
def test_a_constraint_that_cannot_be_met_is_refused_when_the_file_is_read(
    change: tuple[Any, str], message: str
) -> None:
    with pytest.raises(SpaceError, match=carrying(message)):
        read_space(CONSTRAINED.replace(*change), "f.toml")


def test_a_block_without_pairs_has_no_such_constraint() -> None:
    text = (files("nas.search_spaces") / "mobilenetv2.toml").read_text()
    with pytest.raises(SpaceError, match=carrying("mobilenetv2")):
        read_space('complementary = "strict"\n' + text, "m.toml")
