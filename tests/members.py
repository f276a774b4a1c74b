"""Spaces and hypothesis strategies for their members, shared by the tests of the core."""

import functools
import itertools
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from nas.cost.model import Cost, CostModel
from nas.space.architecture import Architecture
from nas.space.file import load_space, read_space
from nas.space.search_space import SearchSpace

HEAD = """
schema = 1
name = "{name}"
block = "igcv3"
title = "A space of the tests"
[deployment]
input = "{input}"
classes = 10
[stem]
width = {stem}
stride = {stem_stride}
[head]
width = 24
"""

# Equivalent spellings wherever there can be one: P2 that is idle at width = G2, ReLU lists that the
# canonical form leaves, group counts without 1, group counts that divide some of the widths only.
TRICKY = (
    HEAD.format(name="tricky", input="3x32x32", stem=12, stem_stride=1)
    + """
[choices]
depth = [0, 1, 2, 3]
expansion = [0, 1, 2, 3]
g1 = [2, 3, 4]
g2 = [1, 2, 3, 8]
relu = ["first", "first+depthwise", "last"]
permute2 = [false, true]
[[stage]]
width = [8, 12, 18]
[[stage]]
name = "middle2"
stride = 2
depth = [1, 2]
width = [8, 12, 24]
expansion = [0, 2]
g1 = 2
permute2 = true
[[stage]]
width = [8, 9, 16]
relu = "first+last"
"""
)

# Its networks train in a second.
TINY = """
schema = 1
name = "tiny"
block = "igcv3"
title = "A space whose networks train in a second"
[deployment]
input = "3x64x64"
classes = 10
[stem]
width = 8
stride = 2
[head]
width = 32
[adaptation]
drop_strides = ["stem", "stage2"]
[choices]
depth = [1, 2]
expansion = [1, 2]
g1 = [1, 2]
g2 = [1, 2]
relu = ["depthwise", "first+depthwise"]
permute2 = false
[[stage]]
name = "stage1"
width = [8, 16]
[[stage]]
name = "stage2"
stride = 2
width = [16, 24]
[[published]]
name = "example"
title = "The published one"
depth = [1, 2]
width = [16, 24]
expansion = [1, 2]
g1 = 2
g2 = 2
relu = "depthwise"
permute2 = false
published = { source = "these tests" }
"""

SMALL = (
    HEAD.format(name="small", input="3x32x32", stem=8, stem_stride=2)
    + """
[choices]
depth = [1, 2, 3]
expansion = [1, 2, 4]
g1 = [1, 2]
g2 = [1, 2]
relu = ["depthwise", "first+depthwise"]
permute2 = false
[[stage]]
depth = [0, 1]
width = [8, 16]
expansion = [0, 1]
[[stage]]
stride = 2
width = [16, 24]
[[stage]]
stride = 2
width = [24, 32, 40]
[[published]]
name = "small-plain"
depth = 1
width = [8, 16, 32]
expansion = [1, 4, 4]
g1 = 1
g2 = 1
relu = "first+depthwise"
permute2 = false
[[published]]
name = "small-deep"
depth = [1, 3, 3]
width = [16, 24, 40]
expansion = [1, 4, 4]
g1 = 2
g2 = 2
relu = "depthwise"
permute2 = false
"""
)


@functools.cache
def space_named(name: str) -> SearchSpace:
    """Return one of the spaces of the tests by name."""
    texts = {"tricky": TRICKY, "small": SMALL}
    return read_space(texts[name], f"{name}.toml") if name in texts else load_space(name)


SPACES = ("igcv3", "tricky", "small")
spaces = st.sampled_from(SPACES).map(space_named)


@functools.cache
def _options(name: str, index: int, in_width: int) -> list[dict[str, Any]]:
    """Return the ways to write one stage after `in_width` channels, one for each cost."""
    space = space_named(name)
    stage, rules = space.stages[index], space.kind.rules
    costly = ["depth", "width", *(key for key, rule in rules.items() if rule.changes_cost)]
    free = {key: stage.values(key)[0] for key in rules if key not in costly}
    products = itertools.product(*(stage.values(key) for key in costly))
    written = [{**free, **dict(zip(costly, values, strict=True))} for values in products]
    return [choices for choices in written if space.buildable(choices, in_width) is None]


@st.composite
def written_members(draw: st.DrawFn, space: SearchSpace) -> Architecture:
    """Draw a member as a user may write it: dead and idle choices are still there."""
    width, stages = space.stem_width, []
    for index, stage in enumerate(space.stages):
        options = _options(space.name, index, width)
        assume(options)
        choices = dict(options[draw(st.integers(0, len(options) - 1))])
        for key in ("relu", "permute2"):
            choices[key] = draw(st.sampled_from(stage.values(key)))
        stages.append(tuple(choices[key] for key in space.keys))
        width = choices["width"] if choices["depth"] else width
    return Architecture(space.name, space.keys, tuple(stages))


def members(space: SearchSpace) -> st.SearchStrategy[Architecture]:
    """Draw a member in canonical form."""
    return written_members(space).map(space.canonical)


@st.composite
def neighbours(draw: st.DrawFn, space: SearchSpace) -> tuple[Architecture, Architecture]:
    """Draw two written members that differ in one value of one stage, or in nothing."""
    one = draw(written_members(space))
    index = draw(st.integers(0, len(space.stages) - 1))
    position = draw(st.integers(0, len(space.keys) - 1))
    value = draw(st.sampled_from(space.stages[index].values(space.keys[position])))
    stages = [list(stage) for stage in one.stages]
    stages[index][position] = value
    other = Architecture(space.name, space.keys, tuple(map(tuple, stages)))
    assume(space.contains(other))
    return one, other


# Group counts that do not fit every width, stages that may be absent, choices that collapse.
LISTABLE = """
schema = 1
name = "small"
block = "igcv3"
title = "small enough to list"
[deployment]
input = "3x16x16"
classes = 4
[stem]
width = 6
stride = 1
[head]
width = 24
[choices]
expansion = [0, 2]
g1 = [1, 2]
g2 = [1, 3]
relu = ["none", "first"]
permute2 = false
[[stage]]
name = "stage1"
stride = 1
depth = [0, 1, 2]
width = [6, 8]
[[stage]]
name = "stage2"
stride = 2
depth = [1, 3]
width = [9, 12]
"""


def members_of(space: SearchSpace) -> set[Architecture]:
    """Return every distinct architecture of a small space, by listing all spellings."""
    stages = [
        list(itertools.product(*(choice.values for choice in stage.choices)))
        for stage in space.stages
    ]
    spelled = (Architecture(space.name, space.keys, rows) for rows in itertools.product(*stages))
    return {space.canonical(each) for each in spelled if space.contains(each)}


def costs_of_members(costs: CostModel) -> dict[Architecture, Cost]:
    """Return every distinct architecture of a small space with its cost."""
    return {member: costs.cost(member) for member in members_of(costs.space)}
