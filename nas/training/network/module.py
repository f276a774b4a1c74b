"""Network: the `torch.nn.Module` that executes a list of layers.

Its module tree follows the dotted layer names, so that the keys of its state dict begin with them:
`stage2.0.first.weight`.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    outputs_of,
    readers_of,
)

BN_EPS = 1e-5
_LINEAR_STD = 0.01


class ChannelShuffle(nn.Module):
    """Channel shuffle: channel k of group g moves to k * groups + g.

    There are two equivalent implementations. Each device uses the one that preserves
    `channels_last`, because losing this layout makes every following convolution slower.
    """

    def __init__(self, groups: int) -> None:
        """Shuffle between `groups` groups."""
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, shape (N, C, H, W), with its channels interleaved."""
        if x.device.type == "cpu":
            return F.channel_shuffle(x, self.groups)
        b, c, h, w = x.shape
        last = x.permute(0, 2, 3, 1).reshape(b, h, w, self.groups, c // self.groups)
        return last.transpose(3, 4).reshape(b, h, w, c).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        """Return the argument, for `print(network)`."""
        return f"groups={self.groups}"


class Relu6(nn.ReLU6):
    """ReLU6; in place only without gradients, because otherwise torch copies the input first."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, of any shape, limited to [0, 6]."""
        return F.relu6(x, inplace=self.inplace and not torch.is_grad_enabled())


class Sum(nn.Module):
    """The element-wise sum of two feature maps of equal shapes, for residuals."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return `x + y`, both of shape (N, C, H, W)."""
        return x + y


class Concatenation(nn.Module):
    """The concatenation of feature maps of equal height and width along their channels."""

    def forward(self, *maps: Tensor) -> Tensor:
        """Return all `maps`, each of shape (N, C_i, H, W), as one of shape (N, sum C_i, H, W)."""
        return torch.cat(maps, dim=1)


class ZeroPadding(nn.Module):
    """Rows and columns of zeros around a feature map; a negative number removes some."""

    def __init__(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Add `before` (rows, columns) at the top and left, `after` at the bottom and right."""
        super().__init__()
        self.before, self.after = before, after
        (top, left), (bottom, right) = before, after
        self._rows = slice(max(-top, 0), min(bottom, 0) or None)
        self._columns = slice(max(-left, 0), min(right, 0) or None)
        self._added = [max(side, 0) for side in (left, right, top, bottom)]

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, shape (N, C, H, W), padded or cropped."""
        x = x[:, :, self._rows, self._columns]
        return F.pad(x, self._added) if any(self._added) else x

    def extra_repr(self) -> str:
        """Return the arguments, for `print(network)`."""
        return f"before={self.before}, after={self.after}"


class Classifier(nn.Linear):
    """A linear layer with bias on the flattened feature map."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, shape (N, classes), of `x`, shape (N, C, H, W)."""
        return super().forward(x.flatten(1))


class _Step(NamedTuple):
    """The execution of one layer: its module, the results it reads, and those to free after it.

    `compute` replaces `module` if the substitutes of the network can be used.
    """

    module: nn.Module
    compute: Callable[..., Tensor]
    reads: tuple[int, ...]
    frees: tuple[int, ...]


class Network(nn.Module):
    """The network of a list of layers; its weights are undefined until `initialise`."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Make the modules of `layers`, the first of which is the input."""
        super().__init__()
        self.input_shape = layers[0].shape
        readers = Counter(name for layer in layers for name in layer.inputs)
        index = {layer.name: position for position, layer in enumerate(layers)}
        last = {index[name]: index[layer.name] for layer in layers for name in layer.inputs}
        self._outputs = tuple(index[layer.name] for layer in outputs_of(layers))
        self.layers = tuple(layers)
        self._applies: Callable[[nn.Module, Tensor], bool] | None = None
        self._steps: list[_Step] = []
        for layer in layers[1:]:
            module = _module(layer, alone=all(readers[name] == 1 for name in layer.inputs))
            _register(self, layer.name, module)
            reads = tuple(index[name] for name in layer.inputs)
            frees = tuple(dict.fromkeys(i for i in reads if last[i] == index[layer.name]))
            self._steps.append(_Step(module, module, reads, frees))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output for images `x`, shape (N, C, H, W); a tuple if there are several.

        Logits of a classifier have the shape (N, classes), feature maps (N, C, H, W).
        """
        results: dict[int, Tensor] = {0: x}
        # counts and exports must trace the modules
        substituted = self._applies is not None and not _is_traced() and self._applies(self, x)
        for position, step in enumerate(self._steps, start=1):
            compute = step.compute if substituted else step.module
            results[position] = compute(*(results[read] for read in step.reads))
            for free in step.frees:  # inference then needs less memory
                del results[free]
        found = tuple(results[position] for position in self._outputs)
        return found if len(found) > 1 else found[0]

    def change_modules(self, change: Callable[[nn.Module], nn.Module]) -> None:
        """Replace the module of each layer by `change(module)`."""
        changed = {step.module: change(step.module) for step in self._steps}
        for name, module in list(self.named_modules()):
            if module in changed:
                parent, _, leaf = name.rpartition(".")
                self.get_submodule(parent)._modules[leaf] = changed[module]
        self._steps = [
            step._replace(module=changed[step.module], compute=changed[step.module])
            for step in self._steps
        ]
        self._applies = None

    def substitute(
        self,
        substitutes: Mapping[str, Callable[..., Tensor]],
        applies: Callable[[nn.Module, Tensor], bool],
    ) -> None:
        """Compute layers by `substitutes`, by layer name, if `applies(network, input)` is true.

        Modules and parameters are unchanged, and results are equal up to rounding. Hooks on
        replaced modules are not called. `change_modules` removes all substitutes.
        """
        self._steps = [
            step._replace(compute=substitutes.get(layer.name, step.module))
            for layer, step in zip(self.layers[1:], self._steps, strict=True)
        ]
        self._applies = applies


def build(
    layers: Sequence[Layer],
    generator: torch.Generator | None = None,
    zero_residuals: bool = False,
) -> Network:
    """Return the initialised network of `layers`; `generator` (CPU) draws its weights.

    With `zero_residuals` the scale of the last batch norm in the branch of every residual starts at
    0, so that its block starts as the identity (Goyal et al. 2017). The sums of a stage then do not
    grow with its depth. Without it, only sums that a ReLU alone reads start so: no batch norm
    follows them, and a classifier after many of them would diverge.
    """
    network = Network(layers)
    initialise(network, generator)
    zeroed = residual_norms(layers) if zero_residuals else _rectified_residuals(layers)
    for name in zeroed:
        nn.init.zeros_(network.get_parameter(f"{name}.weight"))
    return network


def residual_norms(layers: Sequence[Layer]) -> list[str]:
    """Return the last batch norm of the branch of each residual of `layers`.

    A residual is the sum of a branch and a shortcut; the shortcut is the input of the branch or its
    projection by a convolution and a batch norm. A branch that ends in a ReLU is left out: at 0 a
    ReLU has no gradient, so that the branch would never learn.
    """
    named = {layer.name: layer for layer in layers}
    found = []
    for layer in layers:
        if isinstance(layer, Add):
            branch, shortcut = (named[name] for name in layer.inputs)
            while isinstance(branch, Shuffle):
                branch = named[branch.inputs[0]]
            while isinstance(shortcut, BatchNorm | Conv) and not _reads(branch, shortcut, named):
                shortcut = named[shortcut.inputs[0]]
            if isinstance(branch, BatchNorm) and _reads(branch, shortcut, named):
                found.append(branch.name)
    return found


def _reads(layer: Layer, other: Layer, named: Mapping[str, Layer]) -> bool:
    """Tell whether `layer` depends on `other`, directly or through other layers."""
    waiting, seen = list(layer.inputs), set[str]()
    while waiting:
        name = waiting.pop()
        if name == other.name:
            return True
        if name not in seen:
            seen.add(name)
            waiting += named[name].inputs
    return False


def _rectified_residuals(layers: Sequence[Layer]) -> list[str]:
    """Return the batch norms that are the first input of a sum read only by an activation."""
    norms = {layer.name for layer in layers if isinstance(layer, BatchNorm)}
    readers = readers_of(layers)
    return [
        layer.inputs[0]
        for layer in layers
        if isinstance(layer, Add) and layer.inputs[0] in norms
        if [type(reader) for reader in readers.get(layer.name, [])] == [Activation]
    ]


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw new weights, in place.

    Convolutions: normal with variance 2 / fan-out, with the fan-out of one group (He et al. 2015).
    Batch norms: identity. Linear layers and convolutions with a bias, which are the last ones
    before an output: normal with deviation 0.01, as in MobileNetV2. Biases: 0.
    """
    for module in network.modules():
        match module:
            case nn.Conv2d():
                fan_out = module.out_channels // module.groups * math.prod(module.kernel_size)
                std = math.sqrt(2.0 / fan_out) if module.bias is None else _LINEAR_STD
                module.weight.normal_(0.0, std, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            case nn.BatchNorm2d():
                module.reset_parameters()
            case nn.Linear():
                module.weight.normal_(0.0, _LINEAR_STD, generator=generator)
                module.bias.zero_()


def _module(layer: Layer, alone: bool) -> nn.Module:
    """Return the module of one layer; `alone`: no other layer reads its input."""
    match layer:
        case Conv():
            return _convolution(layer)
        case BatchNorm(shape=shape):
            return nn.BatchNorm2d(shape.channels, eps=BN_EPS)
        case Linear(shape=shape):
            return _unset(Classifier(layer.in_features, shape.channels, device="meta"))
        case Activation():
            return _activation(layer, alone)
        case _:
            return _plain(layer)


def _plain(layer: Input | Shuffle | Add | Concat | Pool | Pad | GlobalPool) -> nn.Module:
    """Return the module of a layer without weights."""
    match layer:
        case Input():
            return nn.Identity()
        case Shuffle():
            return ChannelShuffle(layer.groups)
        case Add():
            return Sum()
        case Concat():
            return Concatenation()
        case Pool():
            return _pooling(layer)
        case Pad():
            return ZeroPadding(layer.before, layer.after)
        case GlobalPool():
            return nn.AdaptiveAvgPool2d(1)
        case _:
            assert_never(layer)


def _pooling(layer: Pool) -> nn.Module:
    padding = layer.kernel // 2
    match layer.function:
        case "max":
            return nn.MaxPool2d(layer.kernel, layer.stride, padding)
        case "avg":
            return nn.AvgPool2d(layer.kernel, layer.stride, padding, count_include_pad=False)
        case _:
            assert_never(layer.function)


def _activation(layer: Activation, alone: bool) -> nn.Module:
    match layer.function:
        case "relu6":
            return Relu6(inplace=alone)
        case "relu":
            return nn.ReLU(inplace=alone)
        case _:
            assert_never(layer.function)


def _convolution(layer: Conv) -> nn.Module:
    convolution = nn.Conv2d(
        layer.in_channels,
        layer.shape.channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        bias=layer.bias,
        device="meta",
    )
    return _unset(convolution)


def _unset(module: nn.Module) -> nn.Module:
    """Allocate the weights of a module on the meta device, without torch's initialisation.

    Like `to_empty`, but without the layout of a meta tensor, which would import sympy.
    """
    for name, weight in module.named_parameters(recurse=False):
        setattr(module, name, nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype)))
    return module


def _is_traced() -> bool:
    """Tell whether an exporter or fvcore traces the network."""
    tracing = bool(torch.jit.is_tracing())  # type: ignore[no-untyped-call,attr-defined]
    return tracing or torch.compiler.is_compiling()


def _register(root: nn.Module, name: str, module: nn.Module) -> None:
    """Register `module` under the dotted `name`, with plain containers as its parents."""
    *parents, leaf = name.split(".")
    for parent in parents:
        if parent not in dict(root.named_children()):
            root.add_module(parent, nn.Module())
        root = root.get_submodule(parent)
    root.add_module(leaf, module)
