"""One layer as Python source: its module, and the expression that runs it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, assert_never

from nas.space import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
)

Term: TypeAlias = Callable[[str], str]
Numbers: TypeAlias = Mapping[str, tuple[str, int]]
Expression: TypeAlias = tuple[str, Sequence[str | list[str]], str]


def facts(layer: Layer) -> tuple[tuple[object, ...], Numbers]:
    """Return the properties that layers of one class share, and the numbers that may differ.

    Each number has a kind: `channels`, `kernel`, `stride` or `groups`.
    """
    channels = {"channels": ("channels", layer.shape.channels)}
    match layer:
        case Conv():
            depthwise = _is_depthwise(layer)
            numbers = {
                "in_channels": ("channels", layer.in_channels),
                **channels,
                "kernel": ("kernel", layer.kernel),
                "stride": ("stride", layer.stride),
                **({} if depthwise else {"groups": ("groups", layer.groups)}),
            }
            padding = None if _is_centred(layer) else layer.padding
            return (Conv, depthwise, padding, layer.bias), numbers
        case Linear():
            return (Linear,), {"in_channels": ("channels", layer.in_features), **channels}
        case BatchNorm():
            return (BatchNorm,), channels
        case Shuffle():
            return (Shuffle,), {"groups": ("groups", layer.groups)}
        case Activation():
            return (Activation, layer.function), {}
        case Pool():
            return (Pool, layer.function, layer.kernel, layer.stride), {}
        case Pad():
            return (Pad, layer.before, layer.after), {}
        case Input() | Add() | Concat() | GlobalPool():
            return (type(layer),), {}
        case _:
            assert_never(layer)


def module(layer: Layer, term: Term) -> tuple[str, list[str]] | None:
    """Return the class and the arguments of the module of a layer; None if it needs no module.

    `term` returns the text of a number for its key in `facts`.
    """
    match layer:
        case Conv():
            return "nn.Conv2d", _convolution(layer, term)
        case BatchNorm():
            return "nn.BatchNorm2d", [term("channels")]
        case Linear():
            return "nn.Linear", [term("in_channels"), term("channels")]
        case Shuffle():
            return "ChannelShuffle", [term("groups")]
        case Input() | Activation() | Add() | Concat() | Pool() | Pad() | GlobalPool():
            return None
        case _:
            assert_never(layer)


def expression(layer: Layer, target: str, inputs: Sequence[str]) -> Expression:
    """Return the expression that runs a layer: its start, its arguments and its end.

    `target` is the module of the layer; `inputs` are expressions.
    """
    match layer:
        case Conv() | BatchNorm() | Shuffle():
            return f"{target}(", inputs, ")"
        case Linear():
            return f"{target}(", [f"{inputs[0]}.flatten(1)"], ")"
        case Activation():
            return f"F.{layer.function}(", inputs, ")"
        case Input() | Add():
            return "", [" + ".join(inputs)], ""
        case Concat():
            return "torch.cat(", [list(inputs), "dim=1"], ")"
        case Pool() | Pad() | GlobalPool():
            return _resized(layer, inputs[0])
        case _:
            assert_never(layer)


def _is_depthwise(layer: Conv) -> bool:
    return layer.groups == layer.in_channels > 1


def _is_centred(layer: Conv) -> bool:
    return layer.padding == layer.kernel // 2


def _convolution(layer: Conv, term: Term) -> list[str]:
    padding, kernel = str(layer.padding), term("kernel")
    if _is_centred(layer) and not kernel.isdigit():
        padding = f"{kernel} // 2"
    groups = term("in_channels" if _is_depthwise(layer) else "groups")
    options = (("stride", term("stride"), "1"), ("padding", padding, "0"), ("groups", groups, "1"))
    named = [f"{name}={text}" for name, text, default in options if text != default]
    if not layer.bias:
        named.append("bias=False")
    return [term("in_channels"), term("channels"), kernel, *named]


def _resized(layer: Pool | Pad | GlobalPool, x: str) -> Expression:
    """Return the expression of a layer that changes only height and width."""
    match layer:
        case GlobalPool():
            return "F.adaptive_avg_pool2d(", [x, "1"], ")"
        case Pool(kernel=kernel, stride=stride):
            window = [x, str(kernel), str(stride), str(kernel // 2)]
            if layer.function == "avg":
                window.append("count_include_pad=False")
            return f"F.{layer.function}_pool2d(", window, ")"
        case Pad(before=(top, left), after=(bottom, right)):
            rows, columns = _kept(top, bottom), _kept(left, right)
            cut = x if rows == columns == ":" else f"{x}[:, :, {rows}, {columns}]"
            zeros = [max(side, 0) for side in (left, right, top, bottom)]
            return ("F.pad(", [cut, str(zeros)], ")") if any(zeros) else ("", [cut], "")
        case _:
            assert_never(layer)


def _kept(before: int, after: int) -> str:
    """Return the slice for negative padding."""
    return f"{-before if before < 0 else ''}:{after if after < 0 else ''}"
