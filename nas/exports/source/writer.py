"""The standalone PyTorch source file of one network, written from its layers.

The file imports only torch. It has a class for each kind of part (stem, block, head) and one for
the whole network. Every number in it comes from a layer. Its state dict has the keys of
`nas.training.network.module.Network`, so that both can load the same weights file.
"""

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from nas import __version__
from nas.cost import total_cost
from nas.exports.request import ExportRequest
from nas.exports.source.module_tree import SourceModule, split
from nas.exports.source.template import Template, bracketed
from nas.space import Add, Layer, outputs_of
from nas.units import plural

_WIDTH = 96


def write_source(request: ExportRequest, layers: Sequence[Layer]) -> str:
    """Return the text of `network.py` for `layers`, the layers of the request.

    Raises:
        ExportError: the name of a layer is not valid in Python.
    """
    body = [*write_classes(layers, request.space.kind.name), _BUILD]
    if request.training:
        body.append(_PREPARE)
    code = "\n\n".join(body)
    if "ChannelShuffle(" in code:
        code = f"{_SHUFFLE}\n\n{code}"
    imports = {"torch.": "import torch", "F.": "import torch.nn.functional as F"}
    lines = [
        *(line for use, line in imports.items() if re.search(rf"(?<![\w.]){re.escape(use)}", code)),
        "from torch import Tensor, nn",
        "",
        *_facts(request),
    ]
    return f'"""{_docstring(request, layers)}"""\n\n' + "\n".join(lines) + f"\n\n\n{code}"


def write_classes(layers: Sequence[Layer], kind: str) -> list[str]:
    """Return the classes of a network of `kind` blocks; `Network`, the last, has no arguments.

    Parts of equal structure share a class.

    Raises:
        ExportError: the name of a layer is not valid in Python.
    """
    network = split(layers)
    groups: dict[tuple[str, str, tuple[object, ...]], list[SourceModule]] = {}
    for part in _smaller_parts(network):
        groups.setdefault((*_names(part, kind), part.structure), []).append(part)
    taken = {"Network", "ChannelShuffle", "Tensor", "F", "True", "False", "None"}
    templates: dict[str, Template] = {}
    found = []
    for (title, about, _), parts in groups.items():
        names = itertools.chain([title], (f"{title}{number}" for number in itertools.count(2)))
        name = next(each for each in names if each not in taken)
        taken.add(name)
        found.append(Template(name, about, tuple(parts), templates))
        templates.update({part.name: found[-1] for part in parts})
    ends = outputs_of(layers)
    results = f"logits (N, {ends[0].shape.channels})"
    if len(ends) > 1:
        results = f"{len(ends)} maps, each (N, C, H, W)"
    about = f"Maps images (N, C, H, W) to {results}."
    found.append(Template("Network", about, (network,), templates))
    return [template.text() for template in found]


def _smaller_parts(part: SourceModule) -> Iterator[SourceModule]:
    """Yield all parts inside `part` that have a class, each after its own parts."""
    for item in part.items:
        if isinstance(item, SourceModule):
            yield from _smaller_parts(item)
            if not item.sequence:
                yield item


def _names(part: SourceModule, kind: str) -> tuple[str, str]:
    """Return the name of the class of a part, and its docstring."""
    words = re.fullmatch(r"(\w+?)(\.\d+)?", part.name)
    if words and words[2] and not words[1][-1].isdigit():  # the names of stages end in a number
        title = words[1].removesuffix("s")
        return _title(title), f"One of the {words[1].replace('_', ' ')}."
    if words and words[2]:
        residual = any(isinstance(i, Add) and set(i.inputs) & set(part.inputs) for i in part.items)
        title = f"{_title(kind)}{'Residual' * residual}Block"
        return title, f"A block of the kind {kind}{', with a residual' * residual}."
    if words:
        return _title(part.name), f"The {part.name}."
    leaves = [part.leaf(item.name) for item in part.items]
    return _title(" ".join(leaves)), "Layers inside a block."


def _title(text: str) -> str:
    """Return the name of a class: `NasnetA` for nasnet-a."""
    name = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", text))
    return name if name.isidentifier() else f"Part{name}"


def _docstring(request: ExportRequest, layers: Sequence[Layer]) -> str:
    choices = "\n".join(
        textwrap.fill(part, _WIDTH, initial_indent="    ", subsequent_indent=" " * 8)
        for part in request.architecture.text.split(",")
    )
    weights = "trained" if request.training else "drawn at random, not trained"
    title = textwrap.fill(
        f"Name: {_plain(request.name)}. Input {request.input}, "
        f"{_outputs(request, request.classes)}. Weights: {weights}. "
        "The card, card.json, has the rest.",
        _WIDTH,
    )
    return f"""A network of the search space {request.space.name}, written by nas {__version__}.

{title}

Architecture {request.architecture.arch_id}:

{choices}

Cost for one image, in multiply-adds of convolution and linear layers, and trainable parameters:

{_costs(request, layers)}

Use, with PyTorch and safetensors installed and the weights in the same directory:

{textwrap.indent(_example(request, layers), "    ")}
"""


def _plain(text: str) -> str:
    """Return `text` as one line that is valid in a docstring."""
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
            f"    {what}, input {at.input}, {_outputs(request, classes)}, strides {at.text}:\n"
            f"        {cost.madds:,} multiply-adds, {cost.params:,} parameters"
        )
    return "\n".join(dict.fromkeys(lines))


def _example(request: ExportRequest, layers: Sequence[Layer]) -> str:
    shape = ", ".join(map(str, request.input))
    imports, images, call = "build", f"images = torch.rand(1, {shape})", "images"
    if request.training:
        names = "CLASS_NAMES, " if request.training.class_names else ""
        imports, call = f"{names}build, prepare", "prepare(images)"
        images = f"images = torch.randint(0, 256, (1, {shape}), dtype=torch.uint8)"
    several = len(outputs_of(layers)) > 1
    results = "maps" if several else "logits"
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
        f"    {results} = network({call})",
    ]
    if request.training and request.training.class_names and not several:
        lines.append("print([CLASS_NAMES[k] for k in logits.argmax(1)])")
    return "\n".join(lines)


def _outputs(request: ExportRequest, number: int) -> str:
    if request.head is None:
        return f"{number} classes"
    return plural(number, "output")


def _facts(request: ExportRequest) -> list[str]:
    """Return the assignments that describe the input and output of the network."""
    lines = [
        f"INPUT = {tuple(request.input)}  # channels, height, width",
        f"CLASSES = {request.classes}",
    ]
    if request.training:
        names = [_quote(name) for name in request.training.class_names]
        lines += [
            "# mean and deviation of each channel, of pixels scaled to [0, 1]",
            f"MEAN = {request.training.mean}",
            f"STD = {request.training.std}",
            *(bracketed("CLASS_NAMES = [", names, "]") if names else ()),
        ]
    return lines


def _quote(text: str) -> str:
    """Return a string literal with the quotes that a code formatter would use."""
    body = "".join(char if char in "'\"" else repr(char)[1:-1] for char in text)
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + body.replace(quote, f"\\{quote}") + quote


_SHUFFLE = '''class ChannelShuffle(nn.Module):
    """Interleave the channels of `groups` groups, in operations that every exporter knows."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.reshape(b, self.groups, c // self.groups, h * w)
        return x.transpose(1, 2).reshape(b, c, h, w)
'''


_BUILD = '''def build() -> Network:
    """Return the network with PyTorch's initial weights; load the trained ones into it."""
    return Network()
'''


_PREPARE = '''def prepare(images: Tensor) -> Tensor:
    """Scale images, uint8 of shape (N, *INPUT), as in training."""
    x = images.float() / 255
    mean, std = (x.new_tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    return (x - mean) / std
'''
