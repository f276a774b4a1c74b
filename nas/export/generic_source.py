"""The classes of a standalone source file for any network, read off its list of layers alone.

Layers whose names share a prefix (`stem`, `stage2.0`) are a part, and parts of one structure are
built by one class. Modules and variables are called as the layers are, so that the state dict has
the keys of `nas.train.network.Network`.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nas.errors import ExportError
from nas.export.layer_text import module, operation, written
from nas.export.python_text import bracketed, docstring, fits
from nas.export.template import Part, Template, attribute
from nas.layers import Layer

_BODY = " " * 8
_ITEM = " " * 12


class Code(NamedTuple):
    """The text of the classes, and whether they use the name `torch` and `channel_shuffle`."""

    classes: tuple[str, ...]
    torch: bool
    shuffle: bool


def write_classes(layers: Sequence[Layer]) -> Code:
    """Return the classes for `layers`; the last, `Network`, takes no arguments.

    Raises:
        ExportError: the layers of a part do not stand together, or it has not one output.
    """
    parts = split(layers)
    templates = _templates(parts)
    unique = {template.name: template for template in templates.values()}
    classes = (*(each.text() for each in unique.values()), _network(parts, templates))
    text = "".join(classes)
    return Code(classes, "torch." in text, "channel_shuffle(" in text)


def split(layers: Sequence[Layer]) -> list[Part]:
    """Return the parts of a network in their order.

    A layer of the network itself, or of a prefix without any weights, is a part of its own, with an
    empty prefix.

    Raises:
        ExportError: the layers of a part do not stand together, or it has not one output.
    """
    runs = [(prefix, tuple(run)) for prefix, run in itertools.groupby(layers[1:], key=_prefix)]
    counts = Counter(prefix for prefix, _ in runs if prefix)
    parts = []
    for prefix, run in runs:
        if counts[prefix] > 1:
            raise _unknown(prefix, "do not stand together")
        if prefix and any(map(_has_weights, run)):
            parts.append(_part(prefix, run, layers))
        else:
            parts += [_part("", (layer,), layers) for layer in run]
    return parts


def _prefix(layer: Layer) -> str:
    words = layer.name.split(".")
    if len(words) == 1:
        return ""
    return ".".join(words[: 2 if len(words) > 2 and words[1].isdigit() else 1])


def _has_weights(layer: Layer) -> bool:
    return module(layer, written(layer)) is not None


def _part(prefix: str, run: tuple[Layer, ...], layers: Sequence[Layer]) -> Part:
    inside = {layer.name for layer in run}
    read = {name for layer in run for name in layer.inputs}
    others = {name for layer in layers if layer.name not in inside for name in layer.inputs}
    writes = inside & (others | {layers[-1].name})
    if len(writes) != 1:
        raise _unknown(prefix, f"have {len(writes)} outputs")
    reads = tuple(layer.name for layer in layers if layer.name in read - inside)
    return Part(prefix, run, reads, writes.pop())


def _unknown(where: str, what: str) -> ExportError:
    return ExportError(
        f"the layers of {where} {what}, which the source writer does not know.",
        "Export an architecture of another space.",
    )


def _templates(parts: Sequence[Part]) -> dict[str, Template]:
    """Return the class of each part by its prefix; blocks of one structure share one."""
    kinds: dict[tuple[object, ...], list[Part]] = {}
    for part in parts:
        if part.prefix:
            role = "block" if "." in part.prefix else part.prefix
            kinds.setdefault((role, *part.structure), []).append(part)
    count = sum(key[0] == "block" for key in kinds)
    templates: dict[str, Template] = {}
    number = 0
    for key, members in kinds.items():
        name, about = str(key[0]).capitalize(), f"The {key[0]}."
        if key[0] == "block":
            number += 1
            name = f"Block{number}" if count > 1 else "Block"
            used = ", ".join(part.prefix for part in members)
            about = f"Kind {number} of {count} kinds of block.\n\nUsed for {used}."
        template = Template(name, about, tuple(members))
        templates.update({part.prefix: template for part in members})
    return templates


def _network(parts: Sequence[Part], templates: dict[str, Template]) -> str:
    """Return the class that puts all parts together."""
    lines = [
        "class Network(nn.Module):",
        *docstring("The whole network.", "    "),
        "",
        "    def __init__(self) -> None:",
        f'{_BODY}"""Build the parts, with the weights that PyTorch gives them."""',
        f"{_BODY}super().__init__()",
    ]
    chain = _is_chain(parts)
    for _, run in itertools.groupby(parts, key=lambda part: part.stage or part.write):
        lines += _built(list(run), templates, chain)
    lines += [
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        f'{_BODY}"""Map images (N, C, H, W) to logits (N, classes)."""',
        *_forward(parts, chain),
        f"{_BODY}return logits",
    ]
    return "\n".join(lines) + "\n"


def _is_chain(parts: Sequence[Part]) -> bool:
    """Tell whether every part reads just the one before it, and stages count from 0."""
    for before, part in itertools.pairwise(parts):
        if part.reads != (before.write,):
            return False
        if "." in part.prefix and part.stage != before.stage and not part.prefix.endswith(".0"):
            return False
    return True


def _built(run: Sequence[Part], templates: dict[str, Template], chain: bool) -> Iterator[str]:
    """Yield the lines that build the parts of one stage, or a layer of the network itself."""
    first = run[0]
    if not first.prefix:
        yield from Template("", "", (first,)).modules()
    elif "." not in first.prefix:
        yield from _call(first, templates, f"{_BODY}self.{first.prefix} = ")
    elif chain:
        yield f"{_BODY}self.{first.stage} = nn.Sequential("
        calls = [tuple(_call(part, templates, _ITEM)) for part in run]
        for call, equal in itertools.groupby(calls):
            yield from _repeated(call, len(list(equal)))
        yield f"{_BODY})"
    else:
        yield f"{_BODY}self.{first.stage} = nn.ModuleDict()"
        for part in run:
            yield from _call(part, templates, f"{_BODY}{attribute(part.prefix)} = ")


def _call(part: Part, templates: dict[str, Template], start: str) -> list[str]:
    template = templates[part.prefix]
    return bracketed(f"{start}{template.name}(", template.arguments(part), ")")


def _repeated(call: Sequence[str], count: int) -> Iterator[str]:
    """Yield the arguments that build `count` equal blocks."""
    line = f"{_ITEM}*({call[0].strip()} for _ in range({count})),"
    if count > 1 and len(call) == 1 and fits(line):
        yield line
        return
    for _ in range(count):
        yield from call[:-1]
        yield f"{call[-1]},"


def _forward(parts: Sequence[Part], chain: bool) -> Iterator[str]:
    """Yield the statements that run the parts; in a chain each stage is one statement."""
    values = {parts[0].reads[0]: "x"}
    for part in parts:
        target = "x" if chain else (part.prefix or part.write).replace(".", "_")
        start = f"{_BODY}{'logits: Tensor' if part is parts[-1] else target} = "
        inputs = [values[name] for name in part.reads]
        values[part.write] = target
        if not part.prefix:
            layer = part.layers[0]
            yield start + "".join(operation(layer, attribute(layer.name), inputs, written(layer)))
        elif not chain:
            yield from bracketed(f"{start}{attribute(part.prefix)}(", inputs, ")")
        elif "." not in part.prefix or part.prefix.endswith(".0"):
            yield f"{start}self.{part.stage}(x)"
