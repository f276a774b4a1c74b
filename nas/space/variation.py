"""Variation: one choice of a space varies while the others keep their values."""

from dataclasses import dataclass, replace

from nas.errors import NasError
from nas.space.architecture import Architecture, Value, format_value
from nas.space.search_space import SearchSpace
from nas.space.stage import Choice, Stage

PAIRED_PREFIX = "paired"


@dataclass(frozen=True)
class Variation:
    """One choice of a space and its values to compare; the first value is the base."""

    space: SearchSpace
    key: str
    values: tuple[Value, ...]

    def open(self, stage: Stage) -> bool:
        """Tell whether `stage` allows all of the values."""
        return all(value in stage.values(self.key) for value in self.values)

    def variant(self, base: Architecture, value: Value) -> Architecture | None:
        """Return `base` with `value` in every stage that allows all values, if buildable."""
        at = self.space.keys.index(self.key)
        stages = tuple(
            (*values[:at], value, *values[at + 1 :]) if self.open(stage) and values[0] else values
            for stage, values in zip(self.space.stages, base.stages, strict=True)
        )
        made = self.space.canonical(Architecture(self.space.name, self.space.keys, stages))
        return made if self.space.contains(made) else None

    def pinned(self, value: Value) -> SearchSpace:
        """Return the space with the choice fixed to `value` in those stages."""
        return replace(
            self.space,
            stages=tuple(
                replace(
                    stage,
                    choices=tuple(
                        Choice(self.key, (value,)) if choice.key == self.key else choice
                        for choice in stage.choices
                    ),
                )
                if self.open(stage)
                else stage
                for stage in self.space.stages
            ),
        )


def read_variation(space: SearchSpace, words: str) -> Variation:
    """Return the variation that `words` names: `relu`, or `relu=first,last` in this order.

    By default the values are those that all stages with several values of the choice allow. Depth 0
    is excluded, because a stage of depth 0 has no other choices to keep.

    Raises:
        NasError: there is no such choice or value, or there are fewer than two values.
    """
    key, _, listed = words.partition("=")
    if key not in space.keys:
        raise NasError(f"the space {space.name} has no choice {key!r}.", _other_keys(space))
    if not listed:
        values = _shared(space, key)
        if len(values) < 2:
            raise NasError(
                f"the choice {key} of {space.name} has no two values that all its stages allow.",
                _other_keys(space, key),
            )
        return Variation(space, key, values)
    known = {format_value(value): value for stage in space.stages for value in _kept(stage, key)}
    texts = list(dict.fromkeys(listed.split(",")))
    unknown = [text for text in texts if text not in known]
    if unknown or len(texts) < 2:
        raise NasError(
            f"{unknown[0]!r} is not a value of {key} in {space.name}."
            if unknown
            else f"{words} names only one value.",
            f"Give two or more of {', '.join(known)}, joined by commas.",
        )
    variation = Variation(space, key, tuple(known[text] for text in texts))
    if not any(map(variation.open, space.stages)):
        raise NasError(
            f"no stage of {space.name} allows all of {words}.",
            f"Type 'nas space {space.name}' to see what each stage allows.",
        )
    return variation


def _shared(space: SearchSpace, key: str) -> tuple[Value, ...]:
    """Return the values that all stages with several values of the choice allow."""
    open_stages = [stage for stage in space.stages if len(stage.values(key)) > 1]
    if not open_stages:
        return ()
    return tuple(
        value
        for value in _kept(open_stages[0], key)
        if all(value in stage.values(key) for stage in open_stages)
    )


def _kept(stage: Stage, key: str) -> list[Value]:
    """Return the values that a stage allows, except depth 0."""
    return [value for value in stage.values(key) if value != 0 or key != "depth"]


def _other_keys(space: SearchSpace, key: str | None = None) -> str:
    """Return the choices that can be varied instead."""
    shared = [other for other in space.keys if len(_shared(space, other)) > 1]
    some = key and any(len(stage.values(key)) > 1 for stage in space.stages)
    return (
        f"Vary one of {', '.join(shared) or 'the choices of another space'}"
        + (f", or name values that some stages allow: --vary {key}=VALUE,VALUE" if some else "")
        + "."
    )
