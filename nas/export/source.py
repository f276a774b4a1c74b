"""A standalone PyTorch source file of one network, read off its layers.

The file imports torch only. An IGCV3 network is a table with one line for each run of equal blocks;
for any other, `generic_source` makes classes. Every number in the file stands in a layer. Its state
dict has the keys of `nas.train.network.Network`, so that one weights file fits both.
"""

import inspect
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from nas import __version__
from nas.cost import total_cost
from nas.errors import ExportError
from nas.export.generic_source import write_classes
from nas.export.igcv3_parts import Block, ConvNormReLU, Network, Row, channel_shuffle
from nas.export.request import ExportRequest
from nas.layers import Activation, Add, BatchNorm, Conv, GlobalPool, Layer, Linear, Shuffle

_WIDTH = 96
_UNIT = {"conv": Conv, "bn": BatchNorm, "relu": Activation}
_BLOCK = {
    "first": Conv, "first_bn": BatchNorm, "first_relu": Activation, "permute1": Shuffle,
    "depthwise": Conv, "depthwise_bn": BatchNorm, "depthwise_relu": Activation,
    "last": Conv, "last_bn": BatchNorm, "last_relu": Activation, "permute2": Shuffle, "add": Add,
}  # fmt: skip
_LayerT = TypeVar("_LayerT", bound=Layer)


class Table(NamedTuple):
    """The numbers of one network, as its source file states them.

    `stem` and `head` hold input channels, output channels, kernel and stride.
    """

    stem: tuple[int, int, int, int]
    rows: list[Row]
    head: tuple[int, int, int, int]
    classes: int


def write_source(request: ExportRequest, layers: Sequence[Layer]) -> str:
    """Return the text of `network.py` for `layers`, which are those of the request.

    Raises:
        ExportError: the layers have a form that is not known here.
    """
    facts = "\n".join(_facts(request))
    body = _table_body if _has_table(request) else _generic_body
    parts = [f'"""{_docstring(request, layers)}"""\n\n', *body(layers, facts)]
    if request.training:
        parts.append(f"\n\n{_PREPARE}")
    return "".join(parts)


def _has_table(request: ExportRequest) -> bool:
    """Tell whether the blocks, the stem and the head are those of `igcv3_parts`."""
    space = request.space
    return space.kind.name == "igcv3" and bool(space.head_width) and not space.stem_pool


def _table_body(layers: Sequence[Layer], facts: str) -> list[str]:
    """Return what follows the docstring, with the IGCV3 classes and a table for them."""
    table = read_table(layers)
    code: list[Callable[..., object]] = [Row, ConvNormReLU, channel_shuffle, Block, Network]
    rows = "\n".join(["# fmt: off", "ROWS = [", *_rows(table.rows), "]", "# fmt: on", ""])
    return [
        "from typing import NamedTuple\n\n"
        "import torch.nn.functional as F\nfrom torch import Tensor, nn\n",
        *(f"\n\n{inspect.getsource(part)}" for part in code),
        f"\n\n{facts}\n\n{rows}",
        f"\n\n{_build(table)}",
    ]


def _generic_body(layers: Sequence[Layer], facts: str) -> list[str]:
    """Return what follows the docstring, with classes made for this network."""
    code = write_classes(layers)
    return [
        "import torch\n" if code.torch else "",
        f"import torch.nn.functional as F\nfrom torch import Tensor, nn\n\n{facts}\n",
        f"\n\n{inspect.getsource(channel_shuffle)}" if code.shuffle else "",
        *(f"\n\n{text}" for text in code.classes),
        f"\n\n{_GENERIC_BUILD}",
    ]


def read_table(layers: Sequence[Layer]) -> Table:
    """Return the numbers of a network from its layers, equal neighbouring blocks as one row.

    Raises:
        ExportError: the layers do not form stem, blocks of a known kind, head and classifier.
    """
    groups = [
        (prefix, list(members))
        for prefix, members in itertools.groupby(layers[1:], key=lambda layer: _split(layer)[0])
    ]
    prefixes = [prefix for prefix, _ in groups]
    if len(groups) < 3 or [prefixes[0], *prefixes[-2:]] != ["stem", "head", ""]:
        raise _unknown("/".join(prefixes))
    source = layers[0].name
    blocks: list[Row] = []
    for prefix, members in groups[1:-2]:
        blocks.append(_block(prefix, members, groups[len(blocks)][1][-1].name))
    classifier = groups[-1][1][-1]
    pool = groups[-2][1].pop()
    if not isinstance(classifier, Linear) or not isinstance(pool, GlobalPool):
        raise _unknown(classifier.name)
    stem = _unit(groups[0][1], source)
    head = _unit(groups[-2][1], groups[-3][1][-1].name)
    return Table(stem, _runs(blocks), head, classifier.shape.channels)


def _split(layer: Layer) -> tuple[str, str]:
    prefix, _, name = layer.name.rpartition(".")
    return prefix, name


def _unknown(where: str) -> ExportError:
    return ExportError(
        f"the layers {where} have a form that the source writer does not know.",
        "Export an architecture of a space with block = 'igcv3'.",
    )


def _parts(
    members: Sequence[Layer], known: Mapping[str, type[Layer]], source: str
) -> dict[str, Layer]:
    """Return the layers of one block by name, after checking that they form a chain."""
    order = list(known)
    parts = {_split(layer)[1]: layer for layer in members}
    before, names = source, list(parts)
    if names != [name for name in order if name in parts]:
        raise _unknown(members[0].name)
    for layer in members:
        name = _split(layer)[1]
        inputs = (source, before) if name == "add" else (source,)
        relu6 = not isinstance(layer, Activation) or layer.function == "relu6"
        if not isinstance(layer, known[name]) or layer.inputs != inputs or not relu6:
            raise _unknown(layer.name)
        source = layer.name
    return parts


def _get(parts: Mapping[str, Layer], name: str, kind: type[_LayerT]) -> _LayerT:
    layer = parts.get(name)
    if not isinstance(layer, kind):
        raise _unknown(name)
    return layer


def _unit(members: Sequence[Layer], source: str) -> tuple[int, int, int, int]:
    parts = _parts(members, _UNIT, source)
    conv = _get(parts, "conv", Conv)
    if len(parts) != len(_UNIT) or conv.groups != 1:
        raise _unknown(conv.name)
    return conv.in_channels, conv.shape.channels, conv.kernel, conv.stride


def _block(prefix: str, members: Sequence[Layer], source: str) -> Row:
    parts = _parts(members, _BLOCK, source)
    depthwise, last = (_get(parts, name, Conv) for name in ("depthwise", "last"))
    first = parts.get("first")
    groups = first.groups if isinstance(first, Conv) else 0
    before = first.in_channels if isinstance(first, Conv) else depthwise.in_channels
    shuffles = [
        layer.groups if isinstance(layer, Shuffle) else 0
        for layer in (parts.get("permute1"), parts.get("permute2"))
    ]
    return Row(
        stage=prefix.rpartition(".")[0],
        blocks=1,
        channels=(before, depthwise.shape.channels, last.shape.channels),
        stride=depthwise.stride,
        groups=(groups, last.groups),
        shuffles=(shuffles[0], shuffles[1]),
        residual="add" in parts,
        relus="+".join(name for name in ("first", "depthwise", "last") if f"{name}_relu" in parts),
    )


def _runs(blocks: Sequence[Row]) -> list[Row]:
    return [row._replace(blocks=len(list(run))) for row, run in itertools.groupby(blocks)]


def _docstring(request: ExportRequest, layers: Sequence[Layer]) -> str:
    choices = "\n".join(
        textwrap.fill(part, _WIDTH, initial_indent="    ", subsequent_indent=" " * 8)
        for part in request.architecture.text.split(",")
    )
    weights = "trained" if request.training else "drawn at random, not trained"
    title = textwrap.fill(
        f"Name: {_plain(request.name)}. Input {request.input}, {request.classes} classes. "
        f"Weights: {weights}. The card, card.json, has the rest.",
        _WIDTH,
    )
    return f"""A network of the search space {request.space.name}, written by nas {__version__}.

{title}

Architecture {request.architecture.arch_id}:

{choices}

Cost for one image, in multiply-adds of convolution and linear layers, and trainable parameters:

{_costs(request, layers)}

Use, with PyTorch and safetensors installed and the weights in the same directory:

{textwrap.indent(_example(request), "    ")}
"""


def _plain(text: str) -> str:
    """Return `text` as one line that can stand in a docstring."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def _costs(request: ExportRequest, layers: Sequence[Layer]) -> str:
    lines = []
    for what, at, classes, network in (
        ("this network", request.adaptation, request.classes, layers),
        (
            "deployment",
            request.deployment_adaptation,
            request.deployment_classes,
            request.deployment_layers(),
        ),
    ):
        cost = total_cost(network)
        lines.append(
            f"    {what}, input {at.input}, {classes} classes, strides {at.text}: "
            f"{cost.madds:,} multiply-adds, {cost.params:,} parameters"
        )
    return "\n".join(dict.fromkeys(lines))


def _example(request: ExportRequest) -> str:
    shape = ", ".join(map(str, request.input))
    imports, images, call = "build", f"images = torch.rand(1, {shape})", "images"
    if request.training:
        imports, call = "CLASS_NAMES, build, prepare", "prepare(images)"
        images = f"images = torch.randint(0, 256, (1, {shape}), dtype=torch.uint8)"
    lines = [
        "import torch",
        "from safetensors.torch import load_file",
        "",
        f"from network import {imports}",
        "",
        "network = build()",
        'network.load_state_dict(load_file("weights.safetensors"))',
        "network.eval()",
        images,
        "with torch.inference_mode():",
        f"    logits = network({call})",
    ]
    if request.training:
        lines.append("print([CLASS_NAMES[k] for k in logits.argmax(1)])")
    return "\n".join(lines)


def _facts(request: ExportRequest) -> list[str]:
    """Return the assignments that say what goes into the network and what comes out."""
    lines = [
        f"INPUT = {tuple(request.input)}  # channels, height, width",
        f"CLASSES = {request.classes}",
    ]
    if request.training:
        lines += [
            f"MEAN = {request.training.mean}  # of each channel, pixels scaled to [0, 1]",
            f"STD = {request.training.std}",
            _names(request.training.class_names),
        ]
    return lines


def _names(names: Sequence[str]) -> str:
    """Return the assignment of the class names, in the form that a formatter gives it."""
    quoted = [_quote(name) for name in names]
    line = f"CLASS_NAMES = [{', '.join(quoted)}]"
    if len(line) <= 88:
        return line
    return "\n".join(["CLASS_NAMES = [", *(f"    {name}," for name in quoted), "]"])


def _quote(text: str) -> str:
    """Return a string literal with the quotes that a formatter would choose."""
    body = "".join(char if char in "'\"" else repr(char)[1:-1] for char in text)
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + body.replace(quote, f"\\{quote}") + quote


def _rows(rows: Sequence[Row]) -> list[str]:
    """Return the table with aligned columns, below a comment that names them."""
    cells = [[f"{_cell(value)}," for value in row[:-1]] for row in rows]
    columns = zip(Row._fields[:-1], *cells, strict=True)
    widths = [max(map(len, column)) + 1 for column in columns]
    lines = [f"    #   {_aligned(Row._fields[:-1], widths)}{Row._fields[-1]}"]
    for row, values in zip(rows, cells, strict=True):
        lines.append(f"    Row({_aligned(values, widths)}{_cell(row[-1])}),")
    return lines


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _cell(value: object) -> str:
    return _quote(value) if isinstance(value, str) else repr(value)


def _build(table: Table) -> str:
    stem, head = (", ".join(map(str, unit)) for unit in (table.stem, table.head))
    return f'''def build() -> Network:
    """Return the network with PyTorch's initial weights; load the trained ones into it."""
    stem = ConvNormReLU({stem})  # input and output channels, kernel, stride
    head = ConvNormReLU({head})
    return Network(stem, ROWS, head, CLASSES)
'''


_GENERIC_BUILD = '''def build() -> Network:
    """Return the network with PyTorch's initial weights; load the trained ones into it."""
    return Network()
'''


_PREPARE = '''def prepare(images: Tensor) -> Tensor:
    """Scale images, uint8 of shape (N, *INPUT), as in training."""
    x = images.float() / 255
    mean, std = (x.new_tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    return (x - mean) / std
'''
