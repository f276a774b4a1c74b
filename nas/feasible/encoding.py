"""Encoding of architectures as rows of numbers, for samplers.

Every choice of a stage with more than one value is a variable. Its code is the index of its value,
or INACTIVE if the canonical form has no value, or a value that is not among the choices. The
profile of an architecture has the other numbers known before training: its costs, and the shares of
the stages.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nas.cost import Cost, CostModel
from nas.errors import ArchitectureError
from nas.space import Architecture, NetworkKind, Value

INACTIVE = -1


@dataclass(frozen=True)
class Variable:
    """One choice of one stage, and its values."""

    stage: str
    key: str
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """A name that is unique in the space."""
        return f"{self.stage}.{self.key}"

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers in rising order."""
        numbers = [value for value in self.values if type(value) is int]
        return len(numbers) == len(self.values) and numbers == sorted(numbers)


class Coding(Protocol):
    """Converts the architectures of one or several spaces to numbers and back."""

    @property
    def variables(self) -> Sequence[Variable]:
        """The variables, in the order of the codes."""
        ...

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return one code for each variable: the index of its value, or INACTIVE."""
        ...

    def decode(self, codes: Sequence[int]) -> Architecture | None:
        """Return the canonical architecture, or None if not a member; INACTIVE is any value."""
        ...

    def profile(self, architecture: Architecture) -> tuple[float, ...]:
        """Return numbers known before training; the same number of them for all architectures."""
        ...


class SpaceCoding:
    """The coding of one space at one deployment."""

    def __init__(
        self, costs: CostModel, cost: Callable[[Architecture], Cost] | None = None
    ) -> None:
        """Set up the variables of the space of `costs`; `cost` may be `costs.cost` with a cache."""
        self._costs, self._space = costs, costs.space
        self._cost = cost or costs.cost
        self._planned = isinstance(self._space.kind, NetworkKind)
        self._places = [
            (index, position, choice.values)
            for index, stage in enumerate(self._space.stages)
            for position, choice in enumerate(stage.choices)
            if len(choice.values) > 1
        ]
        self.variables = tuple(
            Variable(self._space.stages[stage].name, self._space.keys[position], values)
            for stage, position, values in self._places
        )
        self._codes: list[tuple[int, int, dict[tuple[type, Value | None], int]]] = [
            (stage, position, {(type(value), value): code for code, value in enumerate(values)})
            for stage, position, values in self._places
        ]  # by type too, because 1 == True

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return one code for each variable: the index of its value, or INACTIVE."""
        stages = [[(type(value), value) for value in values] for values in architecture.stages]
        return tuple(
            codes.get(stages[stage][position], INACTIVE) for stage, position, codes in self._codes
        )

    def decode(self, codes: Sequence[int]) -> Architecture | None:
        """Return the canonical architecture, or None if not a member; INACTIVE means any value."""
        space = self._space
        chosen = [{c.key: c.values[0] for c in stage.choices} for stage in space.stages]
        for (stage, position, values), code in zip(self._places, codes, strict=True):
            chosen[stage][space.keys[position]] = values[max(code, 0)]
        stages = tuple(space.canonical_stage(choices) for choices in chosen)
        try:
            return space.check(Architecture(space.name, space.keys, stages))
        except ArchitectureError:
            return None

    @property
    def num_costs(self) -> int:
        """The number of costs at the beginning of a profile; latency only with a table."""
        return len(self._costs.names)

    def profile(self, architecture: Architecture) -> tuple[float, ...]:
        """Return the logarithms of the costs, and each stage's share of the multiply-adds."""
        cost = self._cost(architecture)
        logs = [math.log(max(1, int(getattr(cost, name)))) for name in self._costs.names]
        if self._planned:
            return tuple(logs)
        shape, shares = self._costs.stem[1], []
        for index, values in enumerate(architecture.stages):
            part, shape = self._costs.stage(index, shape, values)
            shares.append(part.madds / max(1, cost.madds))
        return (*logs, *shares)


class UnionCoding:
    """The coding of several spaces: the space, and the variables of each (INACTIVE elsewhere)."""

    def __init__(self, parts: Mapping[str, SpaceCoding]) -> None:
        """Concatenate the variables of `parts`, by the name of their space."""
        self._parts = dict(parts)
        self._names = tuple(self._parts)
        self.variables = (
            Variable("study", "space", self._names),
            *(
                Variable(f"{name}.{variable.stage}", variable.key, variable.values)
                for name, part in self._parts.items()
                for variable in part.variables
            ),
        )

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return one code for each variable: the index of its value, or INACTIVE."""
        codes = [self._names.index(architecture.space)]
        for name, part in self._parts.items():
            own = name == architecture.space
            codes += part.encode(architecture) if own else [INACTIVE] * len(part.variables)
        return tuple(codes)

    def decode(self, codes: Sequence[int]) -> Architecture | None:
        """Return the canonical architecture, or None if not a member; INACTIVE means any value."""
        chosen, at = self._names[max(codes[0], 0)], 1
        for name, part in self._parts.items():
            if name == chosen:
                return part.decode(codes[at : at + len(part.variables)])
            at += len(part.variables)
        return None

    def profile(self, architecture: Architecture) -> tuple[float, ...]:
        """Return the logarithms of the costs; the stages of different spaces are not comparable."""
        part = self._parts[architecture.space]
        return part.profile(architecture)[: part.num_costs]
