"""A Python class for all parts of a network with the same structure.

Numbers that differ between the parts are parameters of the class. Two numbers that are equal in
every part share a parameter. Numbers that are constant over all parts are literals.
"""

import itertools
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from nas.errors import ExportError
from nas.exports.source.layer_text import Expression, Numbers, Term, expression, facts, module
from nas.exports.source.module_tree import Item, SourceModule, is_attribute, output
from nas.space import Activation, BatchNorm

_BODY = " " * 8
_LIMIT = 100
_ORDER = ("channels", "kernel", "stride", "groups")
_SHORT = ("kernel", "stride")  # parameters without a prefix if there is only one of the kind
_TAKEN = {"self", "F", "nn", "torch"}
Column: TypeAlias = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Template:
    """The class `name` with the docstring `about` that builds each of the `parts`.

    `templates` are the classes of the smaller parts by the name of the part.
    """

    name: str
    about: str
    parts: tuple[SourceModule, ...]
    templates: Mapping[str, "Template"]

    def text(self) -> str:
        """Return the source of the class."""
        arguments = ["self", *(f"{name}: int" for name in self._parameters.values())]
        inputs = ["self", *(f"{name}: Tensor" for name in self._inputs)]
        lines = [
            f"class {self.name}(nn.Module):",
            f'    """{self.about}"""',
            "",
            *bracketed("    def __init__(", arguments, ") -> None:"),
            f"{_BODY}super().__init__()",
            *self._modules(),
            "",
            *bracketed("    def forward(", inputs, f") -> {self._result}:"),
            *self._forward(),
        ]
        return "\n".join(lines) + "\n"

    def numbers(self, part: SourceModule) -> Numbers:
        """Return the numbers of one part, by parameter."""
        index = self._index[part.name]
        return {name: (kind, values[index]) for (kind, values), name in self._parameters.items()}

    def call(self, term: Term) -> tuple[str, list[str]]:
        """Return the class and its arguments; `term` returns the text of each parameter."""
        return self.name, [
            term(name) if kind == "channels" else f"{name}={term(name)}"
            for (kind, _), name in self._parameters.items()
        ]

    @property
    def _result(self) -> str:
        return "Tensor" if len(self._first.outputs) == 1 else "tuple[Tensor, ...]"

    @cached_property
    def _index(self) -> dict[str, int]:
        return {part.name: index for index, part in enumerate(self.parts)}

    @property
    def _first(self) -> SourceModule:
        return self.parts[0]

    @property
    def _inputs(self) -> list[str]:
        count = len(self._first.inputs)
        return ["x"] if count == 1 else [f"x{position + 1}" for position in range(count)]

    @cached_property
    def _columns(self) -> list[dict[str, Column]]:
        """The numbers of each item: kind and value in each part, by key."""
        columns = []
        for items in zip(*(part.items for part in self.parts), strict=True):
            numbers = [self._numbers(item) for item in items]
            columns.append(
                {
                    key: (kind, tuple(each[key][1] for each in numbers))
                    for key, (kind, _) in numbers[0].items()
                }
            )
        return columns

    def _numbers(self, item: Item) -> Numbers:
        if not isinstance(item, SourceModule):
            return facts(item)[1]
        if not item.sequence:
            return self.templates[item.name].numbers(item)
        return {
            f"{at}.{key}": number
            for at, each in enumerate(item.items)
            for key, number in self._numbers(each).items()
        }

    @cached_property
    def _parameters(self) -> dict[Column, str]:
        """The names of the parameters by kind and value in each part, in order."""
        found: dict[Column, str] = {}
        for position, item in enumerate(self._first.items):
            for key, column in self._columns[position].items():
                if len(set(column[1])) > 1 and column not in found:
                    found[column] = _free(self._parameter(position, item, key), found.values())
        kinds = [kind for kind, _ in found]
        ordered = sorted(found.items(), key=lambda entry: _ORDER.index(entry[0][0]))
        return {
            column: column[0] if column[0] in _SHORT and kinds.count(column[0]) == 1 else name
            for column, name in ordered
        }

    def _parameter(self, position: int, item: Item, key: str) -> str:
        """Return a name for a number: `in_channels` for the input channels of the part."""
        reads_input = item.inputs == self._first.inputs or not any(self._columns[:position])
        if key == "in_channels" and len(self._first.inputs) == 1 and reads_input:
            return key
        return _variable(f"{self._first.leaf(item.name)}.{key}")

    def _term(self, position: int) -> Term:
        """Return the function that writes the numbers of an item."""

        def term(key: str) -> str:
            column = self._columns[position][key]
            return self._parameters.get(column, str(column[1][0]))

        return term

    def _modules(self) -> Iterator[str]:
        """Yield the lines that build the modules; dotted names become nested dictionaries."""
        seen: set[str] = set()
        for position, item in enumerate(self._first.items):
            leaf = self._first.leaf(item.name)
            lines = self._built(f"{_BODY}{_attribute(leaf)} = ", item, self._term(position))
            for parent in itertools.accumulate(leaf.split(".")[:-1], "{}.{}".format):
                if lines and parent not in seen:
                    yield f"{_BODY}{_attribute(parent)} = nn.ModuleDict()"
                    seen.add(parent)
            yield from lines

    def _built(self, start: str, item: Item, term: Term) -> list[str]:
        """Return the lines that build an item; empty if it has no module."""
        if isinstance(item, SourceModule) and item.sequence:
            calls = [
                self._call(part, lambda key, at=at: term(f"{at}.{key}"))  # type: ignore[misc]
                for at, part in enumerate(item.items)
            ]
            return [f"{start}nn.Sequential(", *_repeated(calls), f"{_BODY})"]
        call = self._call(item, term)
        return bracketed(f"{start}{call[0]}(", call[1], ")") if call else []

    def _call(self, item: Item, term: Term) -> tuple[str, list[str]] | None:
        """Return the class and the arguments that build an item; None if it has no module."""
        if isinstance(item, SourceModule):
            return self.templates[item.name].call(term)
        return module(item, term)

    def _forward(self) -> Iterator[str]:
        """Yield the statements; an expression that only a norm or activation reads is nested."""
        part = self._first
        names = variables(part, self._inputs)
        reads = [name for item in part.items for name in item.inputs]
        nested: dict[str, str] = {}
        for item, following in itertools.zip_longest(part.items, part.items[1:]):
            values = [nested.pop(name, names[name]) for name in item.inputs]
            start = f"{_BODY}{names[output(item)]} = "
            head, arguments, end = self._expression(item, values)
            if len(f"{start}{flat(head, arguments, end)}") > _LIMIT and values[0].endswith(")"):
                before = names[item.inputs[0]]
                yield f"{_BODY}{before} = {values[0]}"
                head, arguments, end = self._expression(item, [before])
            written = output(item)
            if (
                _nests(following, written)
                and reads.count(written) == 1
                and written not in part.outputs
            ):
                nested[written] = flat(head, arguments, end)
                continue
            last = following is None and part.outputs == (written,)
            yield from bracketed(f"{_BODY}return {head}" if last else start + head, arguments, end)
        if part.outputs != (output(part.items[-1]),):
            yield from _returned([names[name] for name in part.outputs])

    def _expression(self, item: Item, values: Sequence[str]) -> Expression:
        target = _attribute(self._first.leaf(item.name))
        if isinstance(item, SourceModule):
            return f"{target}(", values, ")"
        return expression(item, target, values)


def variables(part: SourceModule, inputs: Sequence[str]) -> dict[str, str]:
    """Return the variable for the result of each item and input of a part.

    An item whose inputs are not used later is assigned to the variable of the first input. If that
    needs more than one new variable, `y`, each result has its own variable with the name of the
    item.
    """
    last = {name: at for at, item in enumerate(part.items) for name in item.inputs}
    names = dict(zip(part.inputs, inputs, strict=True))
    own, new = dict(names), 0
    for at, item in enumerate(part.items):
        result, source = output(item), item.inputs[0]
        own[result] = _free(_variable(part.leaf(item.name)), own.values())
        if item is part.items[-1] or all(last[name] == at for name in item.inputs):
            names[result] = names[source]
        else:
            names[result] = "y"
            new += 1
    last_is_output = part.outputs == (output(part.items[-1]),)
    return names if new <= 1 and last_is_output else own


def _returned(results: Sequence[str]) -> list[str]:
    """Return the statement that returns one result, or a tuple of several."""
    start, end = ("(", ")") if len(results) > 1 else ("", "")
    line = f"{_BODY}return {', '.join(results)}"
    return [line] if len(line) <= _LIMIT else bracketed(f"{_BODY}return {start}", results, end)


def flat(start: str, items: Sequence[str | list[str]], end: str) -> str:
    """Return `start`, the items and `end` on one line."""
    texts = [item if isinstance(item, str) else f"[{', '.join(item)}]" for item in items]
    return f"{start}{', '.join(texts)}{end}"


def bracketed(start: str, items: Sequence[str | list[str]], end: str) -> list[str]:
    """Return `start`, the items and `end` on one line if they fit, otherwise one item per line."""
    line = flat(start, items, end)
    if len(line) <= _LIMIT or not items:
        return [line]
    indent = " " * (len(start) - len(start.lstrip()) + 4)
    if len(body := flat(indent, items, "")) <= _LIMIT:
        return [start, body, f"{indent[4:]}{end}"]
    lines = [start]
    for item in items:
        lines += (
            [f"{indent}{item},"] if isinstance(item, str) else bracketed(f"{indent}[", item, "],")
        )
    return [*lines, f"{indent[4:]}{end}"]


def _repeated(calls: Sequence[tuple[str, list[str]] | None]) -> Iterator[str]:
    """Yield the arguments that build the parts of a sequence; equal neighbours use a loop."""
    indent = f"{_BODY}    "
    for call, equal in itertools.groupby(filter(None, calls)):
        count = len(list(equal))
        one, loop = flat(f"{call[0]}(", call[1], ")"), f"for _ in range({count})"
        if count > 1 and len(line := f"{indent}*({one} {loop}),") <= _LIMIT:
            yield line
        elif count > 1 and len(line := f"{indent}    {one}") <= _LIMIT:
            yield from (f"{indent}*(", line, f"{indent}    {loop}", f"{indent}),")
        else:
            yield from bracketed(f"{indent}{call[0]}(", call[1], "),") * count


def _nests(following: Item | None, name: str) -> bool:
    """Tell whether the expression of the item called `name` is nested in that of the next item."""
    return isinstance(following, BatchNorm | Activation) and following.inputs == (name,)


def _variable(leaf: str) -> str:
    return leaf.replace(".", "_")


def _free(name: str, used: Iterable[str]) -> str:
    """Return `name`, with underscores appended until it is unused."""
    taken = {*used, *_TAKEN}
    while name in taken or keyword.iskeyword(name):
        name += "_"
    return name


def _attribute(leaf: str) -> str:
    """Return the expression of a module of the class: `self.a["1"]["b"]` for a.1.b."""
    first, *others = leaf.split(".")
    if not is_attribute(first):
        raise ExportError(
            f"{first} is not a valid name in Python, so that {leaf} cannot be written.",
            "Give the stage or layer another name.",
        )
    return f"self.{first}" + "".join(f'["{other}"]' for other in others)
