"""A class for parts of a network that have one structure.

The numbers in which the parts differ are its parameters; numbers that are equal in every part share
one, and numbers that all parts have in common are written out.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from nas.export.layer_text import Term, module, numbers, operation, structure
from nas.export.python_text import bracketed, docstring, fits
from nas.layers import Activation, BatchNorm, Conv, Layer, Shuffle

_BODY = " " * 8
_ORDER = ("channels", "kernel", "stride", "groups", "padding")
_SHORT = ("kernel", "stride")  # called by these words alone where there is only one of them
_Column: TypeAlias = tuple[str, tuple[int, ...]]


class Part(NamedTuple):
    """The layers whose names begin with `prefix`, which is empty for layers of the network itself.

    `reads` are the layers of other parts that it reads, `write` is its layer that others read.
    """

    prefix: str
    layers: tuple[Layer, ...]
    reads: tuple[str, ...]
    write: str

    @property
    def stage(self) -> str:
        """The first word of the prefix."""
        return self.prefix.partition(".")[0]

    def leaf(self, name: str) -> str:
        """Return the name of a layer of this part without the prefix."""
        return name.removeprefix(f"{self.prefix}.") if self.prefix else name

    @property
    def structure(self) -> tuple[object, ...]:
        """What parts of one class have in common."""
        places = {name: f"<{position}>" for position, name in enumerate(self.reads)}
        return tuple(
            (
                self.leaf(layer.name),
                *structure(layer),
                *(places.get(name, self.leaf(name)) for name in layer.inputs),
            )
            for layer in self.layers
        )


@dataclass(frozen=True)
class Template:
    """The class `name` with the docstring `about` that builds each of the `parts`."""

    name: str
    about: str
    parts: tuple[Part, ...]

    def text(self) -> str:
        """Return the class."""
        parameters = [f"{name}: int" for name in self._parameters.values()]
        inputs = [f"{name}: Tensor" for name in self._inputs]
        lines = [
            f"class {self.name}(nn.Module):",
            *docstring(self.about, "    "),
            "",
            *bracketed("    def __init__(", ["self", *parameters], ") -> None:"),
            f'{_BODY}"""Build the layers, with the weights that PyTorch gives them."""',
            f"{_BODY}super().__init__()",
            *(f"{_BODY}self.{name} = {name}" for name in self._kept),
            *self.modules(),
            "",
            *bracketed("    def forward(", ["self", *inputs], ") -> Tensor:"),
            f'{_BODY}"""Map feature maps (N, C, H, W) to one feature map."""',
            *self._forward(),
        ]
        return "\n".join(lines) + "\n"

    def arguments(self, part: Part) -> list[str]:
        """Return the arguments with which the class builds one of its parts."""
        index = self.parts.index(part)
        return [
            str(column[index]) if kind == "channels" else f"{name}={column[index]}"
            for (kind, column), name in self._parameters.items()
        ]

    def modules(self) -> Iterator[str]:
        """Yield the lines that build the modules; dotted names become nested dictionaries."""
        seen: set[str] = set()
        for position, layer in enumerate(self._first.layers):
            made = module(layer, self._term(position))
            if made is None:
                continue
            leaf = self._first.leaf(layer.name)
            for parent in itertools.accumulate(leaf.split(".")[:-1], "{}.{}".format):
                if parent not in seen:
                    yield f"{_BODY}{attribute(parent)} = nn.ModuleDict()"
                seen.add(parent)
            yield from bracketed(f"{_BODY}{attribute(leaf)} = {made[0]}(", made[1], ")")

    @property
    def _first(self) -> Part:
        return self.parts[0]

    @property
    def _inputs(self) -> list[str]:
        count = len(self._first.reads)
        return ["x"] if count == 1 else [f"x{position + 1}" for position in range(count)]

    @cached_property
    def _parameters(self) -> dict[_Column, str]:
        """The names of the parameters by kind and value in each part, in their order."""
        found: dict[_Column, str] = {}
        for position, layer in enumerate(self._first.layers):
            leaf = _variable(self._first.leaf(layer.name))
            for key, (kind, _) in numbers(layer).items():
                column = self._column(position, key)
                if len(set(column)) > 1 and not self._follows(position, key):
                    found.setdefault((kind, column), self._suggested(layer, leaf, key, kind))
        kinds = [kind for kind, _ in found]
        ordered = sorted(found.items(), key=lambda item: _ORDER.index(item[0][0]))
        return {
            place: place[0] if place[0] in _SHORT and kinds.count(place[0]) == 1 else name
            for place, name in ordered
        }

    def _suggested(self, layer: Layer, leaf: str, key: str, kind: str) -> str:
        if key == "in":
            return "in_channels" if layer.inputs[0] in self._first.reads else f"{leaf}_inputs"
        return f"{leaf}_{kind}"

    def _column(self, position: int, key: str) -> tuple[int, ...]:
        return tuple(numbers(part.layers[position])[key][1] for part in self.parts)

    def _follows(self, position: int, key: str) -> bool:
        """Tell whether a number follows from another one: depthwise groups, half the kernel."""
        if not isinstance(self._first.layers[position], Conv) or key not in ("groups", "padding"):
            return False
        column = self._column(position, key)
        if key == "groups":
            return column == self._column(position, "in")
        return column == tuple(kernel // 2 for kernel in self._column(position, "kernel"))

    def _term(self, position: int) -> Term:
        """Return how the numbers of a layer are written."""
        layer = self._first.layers[position]

        def term(key: str) -> str:
            column = self._column(position, key)
            if len(set(column)) == 1:
                return str(column[0])
            if self._follows(position, key):
                return term("in") if key == "groups" else f"{term('kernel')} // 2"
            return self._parameters[numbers(layer)[key][0], column]

        return term

    @cached_property
    def _kept(self) -> list[str]:
        """The parameters that `forward` needs again: groups of channel shuffles."""
        shuffles = [
            self._term(position)("groups")
            for position, layer in enumerate(self._first.layers)
            if isinstance(layer, Shuffle)
        ]
        return [name for name in dict.fromkeys(shuffles) if name in self._parameters.values()]

    def _run_term(self, position: int) -> Term:
        """Return how the numbers of a layer are written in `forward`."""
        term = self._term(position)
        return lambda key: f"self.{term(key)}" if term(key) in self._kept else term(key)

    def _forward(self) -> Iterator[str]:
        """Yield the statements: a batch norm or activation stands around what it alone reads."""
        part = self._first
        readers = [name for layer in part.layers for name in layer.inputs]
        known = dict(zip(part.reads, self._inputs, strict=True))
        pending: dict[str, str] = {}
        for position, layer in enumerate(part.layers):
            following = part.layers[position + 1 : position + 2]
            leaf = part.leaf(layer.name)
            start = f"{_BODY}{_variable(leaf)} = "
            target, term = attribute(leaf), self._run_term(position)
            for name in layer.inputs:
                if name in pending:
                    known[name] = pending.pop(name)
            inputs = [known[name] for name in layer.inputs]
            text = "".join(operation(layer, target, inputs, term))
            if not fits(start + text) and "(" in inputs[0]:
                inputs[0] = _variable(part.leaf(layer.inputs[0]))
                yield f"{_BODY}{inputs[0]} = {known[layer.inputs[0]]}"
                text = "".join(operation(layer, target, inputs, term))
            if _inlined(layer, following) and readers.count(layer.name) == 1:
                pending[layer.name] = text
                continue
            known[layer.name] = _variable(leaf)
            if layer is part.layers[-1] and layer.name == part.write:
                start = f"{_BODY}return "
            before, middle, after = operation(layer, target, inputs, term)
            yield from _statement(start + before, middle, after)
        if part.layers[-1].name != part.write:
            yield f"{_BODY}return {known[part.write]}"


def attribute(leaf: str) -> str:
    """Return the expression of a module of the class: `self.a["1"]["b"]` for a.1.b."""
    first, *others = leaf.split(".")
    return f"self.{first}" + "".join(f'["{other}"]' for other in others)


def _variable(leaf: str) -> str:
    return leaf.replace(".", "_")


def _inlined(layer: Layer, following: Sequence[Layer]) -> bool:
    """Tell whether a layer is written within the next one, which reads it."""
    return (
        isinstance(layer, Conv | BatchNorm)
        and bool(following)
        and isinstance(following[0], BatchNorm | Activation)
        and following[0].inputs == (layer.name,)
    )


def _statement(start: str, middle: str, end: str) -> list[str]:
    """Return one statement; where it is too long, what stands in its brackets has lines below."""
    if fits(start + middle + end) or not end:
        return [start + middle + end]
    if middle.startswith("["):
        maps, _, rest = middle[1:].partition("], ")
        lines = bracketed(f"{_BODY}maps = [", maps.split(", "), "]")
        return [*lines, f"{start}maps, {rest}{end}"]
    return [start, f"{_BODY}    {middle}", f"{_BODY}{end}"]
