"""SearchSpace: the architectures of a family, read from a TOML file and checked on loading."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nas.errors import ArchitectureError
from nas.space.architecture import Architecture, StageValues, Value, format_value, parse
from nas.space.blocks import BlockKind
from nas.space.blocks.kind import COMMON, ChoiceRule
from nas.space.complementary import PairedKind, Required, violation
from nas.space.layers import Shape
from nas.space.stage import Stage
from nas.suggestion import did_you_mean

_MUTATIONS = 1000
_SINGLE = 7 / 8  # share of the mutations with one replaced value
_DEPTHS = {str(depth): depth for depth in range(1, 100)}
REMEMBERED = 1 << 16  # cached results of stages; about 20 MB


@dataclass(frozen=True)
class Published:
    """An architecture of the family that its authors published, with their numbers.

    `numbers` were published by the authors; `counted` is an independent count (`params`, `madds`).
    Both are at `input` and `classes`. `space` is the space with the stem and head of this network.
    """

    name: str
    title: str
    architecture: Architecture
    numbers: Mapping[str, object] = field(hash=False)
    counted: Mapping[str, object] = field(hash=False)
    space: "SearchSpace" = field(hash=False, repr=False, compare=False)
    input: Shape
    classes: int


@dataclass(frozen=True)
class SearchSpace:
    """A family of networks: stem, stages with choices, head, deployment, published members.

    The stem is a `stem_kernel` convolution, followed by a 3x3 max pooling of stride 2 if
    `stem_pool` is true; `head_width` 0 means that there is no 1x1 convolution before the
    classifier. `variants` are further known networks of the family, members or not. `complementary`
    is the condition that all pairs of group convolutions of a member must meet.
    """

    name: str
    title: str
    kind: BlockKind
    deployment: Shape
    classes: int
    stem_width: int
    stem_stride: int
    stem_kernel: int
    stem_pool: bool
    head_width: int
    drop_strides: tuple[str, ...]
    stages: tuple[Stage, ...]
    published: tuple[Published, ...]
    variants: tuple[Published, ...]
    source: str = field(repr=False)
    complementary: Required | None = None
    _read: dict[tuple[object, ...], "_Reading"] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _canonical: dict[tuple[object, ...], StageValues] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _recorded: dict[tuple[str, ...], StageValues] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The choices of every stage, in order: depth, width, then those of the block kind."""
        return ("depth", "width", *self.kind.rules)

    @cached_property
    def rules(self) -> Mapping[str, ChoiceRule]:
        """The rule of each of `keys`."""
        return {**COMMON, **self.kind.rules}

    @cached_property
    def space_hash(self) -> str:
        """The SHA-256 of the space file, in hexadecimal digits."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def known(self, name: str) -> Published | None:
        """Return the published network or variant called `name`, or None."""
        entries = (*self.published, *self.variants)
        return next((entry for entry in entries if entry.name == name), None)

    def parse(self, text: str) -> Architecture:
        """Return the architecture that `text` names: a published one, or the text form.

        Raises:
            ArchitectureError: `text` cannot be read, or this space does not contain it.
        """
        for published in self.published:
            if text == published.name:
                return published.architecture
        if "=" not in text:
            names = ", ".join(published.name for published in self.published)
            near = did_you_mean(text, [e.name for e in (*self.published, *self.variants)])
            raise ArchitectureError(
                f"the space {self.name} has no architecture called {text!r}.",
                f"{near}Write one of {names}, or the choices as depth=…,width=…,…",
            )
        return self.check(parse(text, self.name, self.keys, len(self.stages)))

    def check(self, architecture: Architecture) -> Architecture:
        """Return the canonical form of `architecture`.

        Raises:
            ArchitectureError: a value is not allowed, a group count does not divide a width, or the
                stages or choices are not those of this space.
        """
        if (architecture.keys, len(architecture.stages)) != (self.keys, len(self.stages)):
            raise ArchitectureError(
                f"the architecture {architecture} does not belong to the space {self.name}: it has "
                "other stages or choices.",
                f"Give {', '.join(self.keys)} for {len(self.stages)} stages.",
            )
        stages, in_width = [], self.stem_width
        for index, values in enumerate(architecture.stages):
            found = self._reading(index, values, in_width)
            if found.problem:
                raise ArchitectureError(
                    f"stage {self.stages[index].name!r} of {self.name}: {found.problem}.",
                    f"Run 'nas space {self.name}' to see what each stage allows.",
                )
            stages.append(found.values)
            in_width = found.width
        return Architecture(self.name, self.keys, tuple(stages))

    def assemble(self, architecture: Architecture) -> Architecture:
        """Return the canonical form of a buildable network; values need not be among the choices.

        Raises:
            ArchitectureError: a stage cannot be built after the one before it.
        """
        canonical = self.canonical(architecture)
        in_width = self.stem_width
        for index, stage in enumerate(self.stages):
            choices = {k: v for k, v in canonical.choices(index).items() if v is not None}
            problem = self.buildable(choices, in_width)
            if problem:
                raise ArchitectureError(
                    f"stage {stage.name!r} of {self.name}: {problem[1]}.",
                    "Use group counts that divide the widths.",
                )
            in_width = _width(choices) if choices["depth"] else in_width
        return canonical

    def contains(self, architecture: Architecture) -> bool:
        """Tell whether `architecture` is a member, in any equivalent form."""
        if (architecture.keys, len(architecture.stages)) != (self.keys, len(self.stages)):
            return False
        in_width = self.stem_width
        for index, values in enumerate(architecture.stages):
            found = self._reading(index, values, in_width)
            if found.problem:
                return False
            in_width = found.width
        return True

    def recorded(self, text: str) -> Architecture:
        """Return the canonical form of an architecture from its text form in a store.

        Each stage text is parsed once, so that reading many architectures is fast.

        Raises:
            ArchitectureError: `text` cannot be read.
        """
        parts = [part.partition("=") for part in text.split(",")]
        columns = [values.split("-") for _, _, values in parts]
        num = len(self.stages)
        lengths = {*map(len, columns)}
        if tuple([key for key, _, _ in parts]) != self.keys or not lengths <= {1, num}:
            return self.canonical(parse(text, self.name, self.keys, num))
        if lengths != {num}:
            columns = [column if len(column) == num else column * num for column in columns]
        known, stages = self._recorded, []
        for depth, *block in zip(*columns, strict=True):
            words = tuple(block)
            found = known.get(words)
            if found is None or depth not in _DEPTHS:
                stages.append(self._read_stage((depth, *block)))
            else:
                stages.append((_DEPTHS[depth], *found))
        return Architecture(self.name, self.keys, tuple(stages))

    def _read_stage(self, words: tuple[str, ...]) -> StageValues:
        """Return the canonical values of a stage from the `words` of its text form."""
        text = ",".join(map("=".join, zip(self.keys, words, strict=True)))
        values = self._canonical_values(parse(text, self.name, self.keys, 1).stages[0])
        if values[0]:
            if len(self._recorded) >= REMEMBERED:
                self._recorded.clear()
            self._recorded[words[1:]] = values[1:]
        return values

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the canonical form: equal networks have the same form and the same `arch_id`."""
        stages = tuple([self._canonical_values(values) for values in architecture.stages])
        return Architecture(self.name, self.keys, stages)

    def canonical_stage(self, choices: Mapping[str, Value | None]) -> StageValues:
        """Return the canonical values of one stage; all None except the depth if the depth is 0."""
        if choices["depth"] == 0:
            return (0, *(None for _ in self.keys[1:]))
        chosen = {key: value for key, value in choices.items() if value is not None}
        if len(chosen) < len(choices):
            return tuple(choices[key] for key in self.keys)
        canonical = self.kind.canonical(chosen)
        return tuple(canonical[key] for key in self.keys)

    def buildable(self, choices: Mapping[str, Value], in_width: int) -> tuple[str, str] | None:
        """Return None, or (choice, cause) if a stage after `in_width` channels cannot be built."""
        if choices["depth"] == 0:
            return None
        width = _width(choices)
        problem = self.kind.problem(choices, in_width, width)
        if problem is None and choices["depth"] != 1 and in_width != width:
            problem = self.kind.problem(choices, width, width)
        return problem

    def problem(self, choices: Mapping[str, Value], in_width: int) -> tuple[str, str] | None:
        """Return None, or (choice, cause) if no member has such a stage after `in_width` channels.

        The stage cannot be built, or it violates a constraint of the space.
        """
        problem = self.buildable(choices, in_width)
        if problem or self.complementary is None or not isinstance(self.kind, PairedKind):
            return problem
        return violation(self.kind, self.complementary, choices, in_width)

    @cached_property
    def size(self) -> int:
        """The number of combinations of values, including unbuildable and equivalent ones."""
        total = 1
        for stage in self.stages:
            for choice in stage.choices:
                total *= len(choice.values)
        return total

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour: `architecture` with one value of one stage replaced.

        One draw in eight replaces two values, so that every member can be reached although some
        single replacements cannot be built. Returns `architecture` itself if 1000 draws find no
        other network.
        """
        free = self._free
        for _ in range(_MUTATIONS if free else 0):
            stages = list(architecture.stages)
            for _ in range(1 if rng.random() < _SINGLE else 2):
                index, position, values = free[rng.integers(len(free))]
                choices = self._filled(index, stages[index], rng)
                choices[position] = values[rng.integers(len(values))]
                stages[index] = self._canonical_values(tuple(choices))
            mutant = Architecture(self.name, self.keys, tuple(stages))
            if mutant != architecture and self.contains(mutant):
                return mutant
        return architecture

    @cached_property
    def _free(self) -> list[tuple[int, int, tuple[Value, ...]]]:
        """The choices with several values, as stage, position and values."""
        return [
            (index, position, choice.values)
            for index, stage in enumerate(self.stages)
            for position, choice in enumerate(stage.choices)
            if len(choice.values) > 1
        ]

    @cached_property
    def _allowed(self) -> list[list[tuple[frozenset[tuple[type, Value]], tuple[Value, ...]]]]:
        """The allowed values by stage and position: as (type, value) pairs, and as values."""
        return [
            [(frozenset((type(v), v) for v in c.values), c.values) for c in stage.choices]
            for stage in self.stages
        ]

    def _filled(
        self, index: int, values: StageValues, rng: np.random.Generator
    ) -> list[Value | None]:
        """Return one stage; values that are None or not among the choices are drawn at random."""
        return [
            value if (type(value), value) in allowed else drawn[rng.integers(len(drawn))]
            for value, (allowed, drawn) in zip(values, self._allowed[index], strict=True)
        ]

    def _canonical_values(self, values: StageValues) -> StageValues:
        """Return `canonical_stage` of `values`, cached.

        The cache key omits the depth, because canonical forms do not depend on it.
        """
        depth, *block = values
        if not depth:
            return self.canonical_stage(dict(zip(self.keys, values, strict=True)))
        asked = (*block, *map(type, block))
        found = self._canonical.get(asked)
        if found is None:
            if len(self._canonical) >= REMEMBERED:
                self._canonical.clear()
            choices = dict(zip(self.keys, values, strict=True))
            found = self._canonical[asked] = self.canonical_stage(choices)[1:]
        return (depth, *found)

    def _reading(self, index: int, values: StageValues, in_width: int) -> "_Reading":
        """Return the cached canonical form, or problem, of a stage after `in_width` channels."""
        asked = (index, in_width, values, *map(type, values))  # types, because 1 == True
        found = self._read.get(asked)
        if found is None:
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            found = self._read[asked] = self._find_reading(index, values, in_width)
        return found

    def _find_reading(self, index: int, values: StageValues, in_width: int) -> "_Reading":
        choices = dict(zip(self.keys, values, strict=True))
        canonical = self._canonical_values(values)
        depth, width = canonical[:2]
        if _among(depth, (0,)) and 0 in self.stages[index].values("depth"):
            return _Reading(canonical, in_width, None)
        problem = self._stage_problem(index, choices, in_width)
        if problem:
            return _Reading(canonical, in_width, problem)
        assert isinstance(width, int), width
        return _Reading(canonical, width, None)

    def _stage_problem(
        self, index: int, choices: Mapping[str, Value | None], in_width: int
    ) -> str | None:
        """Return why a stage does not belong to this space, or None."""
        for written in self._spellings(index, choices):
            problem = self.problem(written, in_width)
            return problem[1] if problem else None
        stage = self.stages[index]
        for key in self.keys:
            if not _among(choices[key], stage.values(key)):
                allowed = ", ".join(map(format_value, stage.values(key)))
                return f"{key}={format_value(choices[key])} is not among its values ({allowed})"
        return "this combination is not in the space"

    def _spellings(
        self, index: int, choices: Mapping[str, Value | None]
    ) -> Iterator[dict[str, Value]]:
        """Yield the combinations of allowed values of one stage that have this canonical form."""
        stage = self.stages[index]
        canonical = self.canonical_stage(choices)
        unknown = {key for key in self.keys if not _among(choices[key], stage.values(key))}
        if unknown & {"depth", "width"}:  # canonical forms do not change these
            return
        columns = [stage.values(key) if key in unknown else (choices[key],) for key in self.keys]
        for values in itertools.product(*columns):
            spelled = dict(zip(self.keys, values, strict=True))
            if all(map(_same, self.canonical_stage(spelled), canonical)):
                yield spelled  # type: ignore[misc]


class _Reading(NamedTuple):
    """The canonical form of a stage, its output width, and why it is not a member, if so."""

    values: StageValues
    width: int
    problem: str | None


def _among(value: Value | None, values: Sequence[Value]) -> bool:
    """Tell whether `value` is one of `values`; 1 and true differ."""
    return any(_same(value, allowed) for allowed in values)


def _same(one: Value | None, other: Value | None) -> bool:
    return one == other and type(one) is type(other)


def _width(choices: Mapping[str, Value | None]) -> int:
    width = choices["width"]
    assert isinstance(width, int), width
    return width
