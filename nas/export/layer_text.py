"""One layer as Python text: the module that holds its weights, and the expression that runs it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from nas.layers import (
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv,
    GlobalPool,
    Layer,
    Linear,
    Pad,
    Pool,
    Shuffle,
)

Number: TypeAlias = tuple[str, int]
Term: TypeAlias = Callable[[str], str]


def numbers(layer: Layer) -> Mapping[str, Number]:
    """Return the numbers of a layer that may differ between layers of one class: (kind, value)."""
    match layer:
        case Conv():
            return {
                "in": ("channels", layer.in_channels),
                "out": ("channels", layer.shape.channels),
                "kernel": ("kernel", layer.kernel),
                "stride": ("stride", layer.stride),
                "groups": ("groups", layer.groups),
                "padding": ("padding", layer.padding),
            }
        case Linear():
            return {
                "in": ("channels", layer.in_features),
                "out": ("channels", layer.shape.channels),
            }
        case BatchNorm():
            return {"out": ("channels", layer.shape.channels)}
        case Shuffle():
            return {"groups": ("groups", layer.groups)}
        case _:
            return {}


def written(layer: Layer) -> Term:
    """Return how the numbers of a layer stand in the text where they are written out."""
    values = {key: str(value) for key, (_, value) in numbers(layer).items()}
    return values.__getitem__


def structure(layer: Layer) -> tuple[object, ...]:
    """Return what layers of one class must have in common, the names and the inputs aside."""
    match layer:
        case Activation(function=function):
            return (Activation, function)
        case Pool():
            return (Pool, layer.function, layer.kernel, layer.stride)
        case Pad():
            return (Pad, layer.before, layer.after)
        case _:
            return (type(layer),)


def module(layer: Layer, term: Term) -> tuple[str, list[str]] | None:
    """Return the class and the arguments of the module of a layer, None where it has no weights."""
    match layer:
        case Conv():
            arguments = [term("in"), term("out"), term("kernel")]
            for name, default in (("stride", "1"), ("padding", "0"), ("groups", "1")):
                if term(name) != default:
                    arguments.append(f"{name}={term(name)}")
            return "nn.Conv2d", [*arguments, "bias=False"]
        case BatchNorm():
            return "nn.BatchNorm2d", [term("out")]
        case Linear():
            return "nn.Linear", [term("in"), term("out")]
        case _:
            return None


def operation(layer: Layer, target: str, inputs: Sequence[str], term: Term) -> tuple[str, str, str]:
    """Return the expression that runs a layer as its start, what it reads, and its end.

    `target` is the module of the layer, `inputs` are expressions.
    """
    one = inputs[0]
    match layer:
        case Conv() | BatchNorm():
            return f"{target}(", one, ")"
        case Linear():
            return f"{target}(", f"{one}.flatten(1)", ")"
        case Activation(function=function):
            return f"F.{function}(", one, ")"
        case Shuffle():
            return "channel_shuffle(", f"{one}, {term('groups')}", ")"
        case Add():
            return "", " + ".join(inputs), ""
        case Concat():
            return "torch.cat(", f"[{', '.join(inputs)}], dim=1", ")"
        case _:
            return _resized(layer, one)


def _resized(layer: Layer, one: str) -> tuple[str, str, str]:
    """Return the expression of a layer that changes height and width alone."""
    match layer:
        case GlobalPool():
            return "F.adaptive_avg_pool2d(", f"{one}, 1", ")"
        case Pool(kernel=kernel, stride=stride):
            window = f"{one}, {kernel}, {stride}, {kernel // 2}"
            if layer.function == "max":
                return "F.max_pool2d(", window, ")"
            return "F.avg_pool2d(", f"{window}, count_include_pad=False", ")"
        case Pad(before=(top, left), after=(bottom, right)):
            rows, columns = _kept(top, bottom), _kept(left, right)
            cut = one if rows == columns == ":" else f"{one}[:, :, {rows}, {columns}]"
            zeros = [max(side, 0) for side in (left, right, top, bottom)]
            return ("F.pad(", f"{cut}, {zeros}", ")") if any(zeros) else ("", cut, "")
        case _:
            raise AssertionError(layer)


def _kept(before: int, after: int) -> str:
    """Return the slice that takes off what is negative."""
    return f"{-before if before < 0 else ''}:{after if after < 0 else ''}"
