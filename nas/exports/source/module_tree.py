"""The division of a network into parts by the dotted names of its layers: stem, blocks, head.

Adjacent layers whose names share a prefix (`stem`, `stage2.0`) form a part if they have one output.
A part may contain smaller parts.
"""

import itertools
import keyword
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

from nas.exports.source.layer_text import facts, module
from nas.space import Layer, outputs_of, readers_of

Item: TypeAlias = Union[Layer, "SourceModule"]
Readers: TypeAlias = Mapping[str, Sequence[Layer]]


@dataclass(frozen=True)
class SourceModule:
    """A module that reads the layers `inputs` of other parts and returns the layers `outputs`.

    `items` are the layers and smaller parts in the order of execution; each name begins with `name`
    and a dot. A `sequence` has only parts, numbered from 0, each of which reads the previous one.
    The network itself has the name ""; only it may have several outputs.
    """

    name: str
    items: tuple[Item, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sequence: bool = False

    def leaf(self, name: str) -> str:
        """Return a name without the prefix of this part."""
        return name.removeprefix(f"{self.name}.") if self.name else name

    @property
    def structure(self) -> tuple[object, ...]:
        """The properties that parts of one class share."""
        places = {name: f"<{position}>" for position, name in enumerate(self.inputs)}
        items = [
            (
                self.leaf(item.name),
                item.structure if isinstance(item, SourceModule) else facts(item)[0],
                *(places.get(name, self.leaf(name)) for name in item.inputs),
            )
            for item in self.items
        ]
        return (*map(self.leaf, self.outputs), self.sequence, *items)


def output(item: Item) -> str:
    """Return the name of the layer whose result an item of a part returns."""
    return item.outputs[0] if isinstance(item, SourceModule) else item.name


def split(layers: Sequence[Layer]) -> SourceModule:
    """Return a network as a part; the first layer is its input."""
    items = _items(layers[1:], "", readers_of(layers))
    outputs = tuple(layer.name for layer in outputs_of(layers))
    return SourceModule("", items, (layers[0].name,), outputs)


def _items(layers: Sequence[Layer], prefix: str, readers: Readers) -> tuple[Item, ...]:
    """Return the items of one part; layers that form a smaller part are replaced by it."""
    runs = [
        (name, tuple(run))
        for name, run in itertools.groupby(layers, key=lambda layer: _child(layer.name, prefix))
    ]
    counts = Counter(name for name, _ in runs)
    items: list[Item] = []
    for name, run in runs:
        part = _part(name, run, readers) if name and counts[name] == 1 else None
        items += [part] if part else run
    return tuple(_with_sequences(items, readers))


def _child(name: str, prefix: str) -> str:
    """Return the name of a layer's possible smaller part: a word, optionally with a number."""
    words = name.removeprefix(prefix).split(".")
    if len(words) == 1:
        return ""
    return prefix + ".".join(words[: 2 if len(words) > 2 and words[1].isdigit() else 1])


def _part(name: str, layers: tuple[Layer, ...], readers: Readers) -> SourceModule | None:
    """Return some layers as a part; None unless they have a module and exactly one output."""
    inside = {layer.name for layer in layers}
    outputs = [
        each
        for each in inside
        if not readers.get(each) or {layer.name for layer in readers[each]} - inside
    ]
    words = [layer.name.removeprefix(f"{name}.").partition(".")[0] for layer in layers]
    if len(outputs) != 1 or not any(map(has_module, layers)) or not all(map(is_attribute, words)):
        return None
    reads = dict.fromkeys(each for layer in layers for each in layer.inputs)
    inputs = tuple(each for each in reads if each not in inside)
    return SourceModule(name, _items(layers, f"{name}.", readers), inputs, tuple(outputs))


def has_module(layer: Layer) -> bool:
    """Tell whether a layer has a module, which is an attribute of the surrounding module."""
    return module(layer, str) is not None


def is_attribute(word: str) -> bool:
    """Tell whether `word` is a valid attribute name in Python."""
    return word.isidentifier() and not keyword.iskeyword(word)


def _with_sequences(items: Sequence[Item], readers: Readers) -> Iterator[Item]:
    """Yield the items; numbered parts that form a sequence are replaced by it."""
    for name, group in itertools.groupby(items, key=_numbered):
        run = tuple(group)
        siblings = sum(item.name.startswith(f"{name}.") for item in items)
        if name and siblings == len(run) and _is_sequence(name, run, readers):
            yield SourceModule(name, run, run[0].inputs, (output(run[-1]),), sequence=True)
        else:
            yield from run


def _numbered(item: Item) -> str:
    """Return the name of a part without its final number; "" if there is none."""
    name, _, number = item.name.rpartition(".")
    return name if isinstance(item, SourceModule) and number.isdigit() else ""


def _is_sequence(name: str, run: Sequence[Item], readers: Readers) -> bool:
    """Tell whether parts are numbered from 0, and each reads only the previous one."""
    return (
        is_attribute(name.rpartition(".")[2])
        and [item.name for item in run] == [f"{name}.{number}" for number in range(len(run))]
        and len(run[0].inputs) == 1
        and all(
            after.inputs == (output(before),)
            and all(layer.name.startswith(f"{after.name}.") for layer in readers[output(before)])
            for before, after in itertools.pairwise(run)
        )
    )
