"""Find values of a space that no complete network can use.

A stage maps its input width to its output width. A value is usable if some stage with this value
can be built, can be reached from the stem, and can be followed by stages up to the head.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from nas.space.architecture import Value, format_value
from nas.space.search_space import SearchSpace
from nas.space.stage import Stage

Step: TypeAlias = tuple[int, int]
KeyValue: TypeAlias = tuple[str, Value]


@dataclass(frozen=True)
class DeadValue:
    """One value of one stage that no network of the space can have, and the reason."""

    stage: str
    key: str
    value: Value
    cause: str


def dead_value(space: SearchSpace) -> DeadValue | None:
    """Return the first value that no network of `space` can have, or None."""
    widths = {space.stem_width}
    read, steps = [], []
    for stage in space.stages:
        possible = {
            (before, after)
            for before in widths
            for after in _widths(stage)
            if any(_buildable(space, stage, before, after))
        }
        read.append(widths)
        if 0 in stage.values("depth"):
            possible |= {(before, before) for before in widths}
        if not possible:
            return _explain(space, stage, widths, _needed(space, stage))
        steps.append(possible)
        widths = {after for _, after in possible}
    _remove_dead_ends(steps, widths)
    for stage, before, possible in zip(space.stages, read, steps, strict=True):
        dead = _unused_values(space, stage, possible)
        if dead:
            return _explain(space, stage, before, dead)
    return None


def _remove_dead_ends(steps: list[set[Step]], last: set[int]) -> None:
    """Remove the steps of each stage whose output width no later stage can read."""
    following = last
    for possible in reversed(steps):
        possible -= {step for step in possible if step[1] not in following}
        following = {before for before, _ in possible}


def _unused_values(space: SearchSpace, stage: Stage, steps: set[Step]) -> list[KeyValue]:
    """Return the values of `stage` that none of its `steps` has, in their order."""
    missing = dict.fromkeys(_needed(space, stage))
    if any(before == after for before, after in steps):
        missing.pop(("depth", 0), None)
    for before, after in sorted(steps):
        if after in _widths(stage):
            for choices in _buildable(space, stage, before, after):
                for pair in choices.items():
                    missing.pop(pair, None)
                if not missing:
                    return []
    return [
        (key, value)
        for key, value in _checked_values(space, stage)
        if (key, _representative(key, value)) in missing
    ]


def _needed(space: SearchSpace, stage: Stage) -> list[KeyValue]:
    pairs = ((key, _representative(key, value)) for key, value in _checked_values(space, stage))
    return list(dict.fromkeys(pairs))


def _checked_values(space: SearchSpace, stage: Stage) -> Iterator[KeyValue]:
    """Yield every value that can be unusable; only depths if the depth is always 0.

    A choice that does not change the cost cannot make a stage unbuildable.
    """
    for choice in stage.choices:
        rule = space.kind.rules.get(choice.key)
        if choice.key == "depth" or (_depths(stage) and (rule is None or rule.changes_cost)):
            for value in choice.values:
                yield choice.key, value


def _representative(key: str, value: Value) -> Value:
    """Return the value to check for `value`: all depths above 1 are equivalent to 2."""
    return min(int(value), 2) if key == "depth" else value


def _depths(stage: Stage) -> list[int]:
    depths = {min(int(depth), 2) for depth in stage.values("depth")}
    return sorted(depths - {0})


def _widths(stage: Stage) -> list[int]:
    return [int(width) for width in stage.values("width")] if _depths(stage) else []


def _buildable(
    space: SearchSpace, stage: Stage, before: int, after: int
) -> Iterator[dict[str, Value]]:
    """Yield the choices of `stage` between two widths that can be built, one for each cost."""
    for choices in _combinations(space, stage, after):
        if space.problem(choices, before) is None:
            yield choices


def _combinations(
    space: SearchSpace, stage: Stage, after: int, fixed: KeyValue | None = None
) -> Iterator[dict[str, Value]]:
    """Yield the choices of `stage` with the output width `after`; `fixed` sets one of them."""
    columns: list[tuple[Value, ...]] = [tuple(_depths(stage)), (after,)]
    for key, rule in space.kind.rules.items():
        columns.append(stage.values(key) if rule.changes_cost else stage.values(key)[:1])
    if fixed:
        columns[space.keys.index(fixed[0])] = (fixed[1],)
    for values in itertools.product(*columns):
        yield dict(zip(space.keys, values, strict=True))


def _explain(space: SearchSpace, stage: Stage, before: set[int], dead: list[KeyValue]) -> DeadValue:
    """Return the first value whose own choice causes the problem, else the first dead value."""
    causes = [(key, value, _problem(space, stage, before, (key, value))) for key, value in dead]
    own = [(key, value, problem) for key, value, problem in causes if problem[0] == key]
    key, value, problem = (own or causes)[0]
    return DeadValue(stage.name, key, value, problem[1])


def _problem(
    space: SearchSpace, stage: Stage, before: set[int], fixed: KeyValue
) -> tuple[str, str]:
    """Return (choice, cause) for an unusable value; its own choice if that is a cause."""
    found = None
    if fixed == ("depth", 0):
        return "depth", f"no later stage can read width={min(before)}"
    for width in sorted(before):
        for after in _widths(stage):
            if fixed[0] == "width" and after != fixed[1]:
                continue
            for choices in _combinations(space, stage, after, fixed):
                problem = space.problem(choices, width)
                if problem is not None and space.buildable(choices, width) is None:
                    return problem  # only a constraint of the space excludes it
                if found is None or (problem and problem[0] == fixed[0] != found[0]):
                    found = problem
    return found or (
        fixed[0],
        f"no later stage can read the output with {fixed[0]}={format_value(fixed[1])}",
    )
