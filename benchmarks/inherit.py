"""Inherited weights: a network of the space igcv3 starts from the weights of a similar one.

Channels are matched by keys that do not depend on the group counts, so that the connections of a
convolution with 2, 4 or 8 groups are a subset of those with 1, 2 or 4:

- The channels between blocks have the key (block of C / 8 channels, position in it). Groups are
  contiguous, so that the groups of 8 are parts of the groups of 4.
- The hidden channel i of group g of the first convolution has the label i * G1 + r(g), where r
  reverses the bits of g: the residues of the label modulo 2, 4 and 8 are nested like the groups.
  Its key is the same pair, of the label.

A weight whose two channels exist in the parent is copied; if the parent has the channels but not
the connection, it is 0. A channel that the parent lacks keeps its random weights, and channels of
the parent ignore it at first. Thus a child with the parent's function where that is possible.
"""

import math

import torch
from torch import Tensor, nn

from nas.space import Conv, Shuffle
from nas.training.network.module import Network

Keys = list[tuple[str, int, int]]


def channel_keys(network: Network) -> dict[str, Keys]:
    """Return the keys of the output channels of each layer."""
    keys: dict[str, Keys] = {}
    for layer in network.layers:
        channels = layer.shape.channels
        if not layer.inputs:
            keys[layer.name] = [("image", 0, channel) for channel in range(channels)]
        elif isinstance(layer, Shuffle):
            before = keys[layer.inputs[0]]
            each = channels // layer.groups
            keys[layer.name] = [
                before[group * each + index]
                for index in range(each)
                for group in range(layer.groups)
            ]
        elif isinstance(layer, Conv) and not layer.name.endswith(".depthwise"):
            keys[layer.name] = _conv_keys(layer)
        else:
            keys[layer.name] = keys[layer.inputs[0]]
    return keys


def _conv_keys(layer: Conv) -> Keys:
    """Return the keys of the outputs of a convolution that is not depthwise."""
    channels, groups = layer.shape.channels, layer.groups
    labels = list(range(channels))
    kind = "stream"
    if layer.name.endswith(".first"):
        each, kind = channels // groups, "hidden"
        labels = [index * groups + _reversed(group, groups)
                  for group in range(groups) for index in range(each)]  # fmt: skip
    size = channels // math.gcd(channels, 8)
    return [(kind, label // size, label % size) for label in labels]


def _reversed(group: int, groups: int) -> int:
    """Return `group` with its bits in reverse order; `groups` is a power of two."""
    bits = groups.bit_length() - 1
    if groups != 1 << bits:
        raise ValueError(f"{groups} groups")
    return sum((group >> bit & 1) << (bits - 1 - bit) for bit in range(bits))


@torch.no_grad()
def inherit(child: Network, parent: Network) -> float:
    """Copy what `child` shares with `parent`; return the share of its weights that is copied."""
    theirs, ours = channel_keys(parent), channel_keys(child)
    modules = dict(parent.named_modules())
    before = {layer.name: layer for layer in parent.layers}
    copied = total = 0
    for layer in child.layers:
        module = child.get_submodule(layer.name) if layer.inputs else None
        weights = sum(weight.numel() for weight in module.parameters()) if module else 0
        total += weights
        if not weights or type(modules.get(layer.name)) is not type(module):
            continue
        source = modules[layer.name]
        out = _matches(ours[layer.name], theirs[layer.name])
        into = _matches(ours[layer.inputs[0]], theirs[before[layer.name].inputs[0]])
        match module:
            case nn.Conv2d():
                copied += _copy_conv(module, source, out, into)
            case nn.BatchNorm2d():
                copied += _copy_norm(module, source, out)
            case nn.Linear():
                copied += _copy_linear(module, source, into)
    return copied / total


def _matches(ours: Keys, theirs: Keys) -> Tensor:
    """Return the position of each of our channels in the parent, -1 where it has none."""
    found = {key: position for position, key in enumerate(theirs)}
    return torch.tensor([found.get(key, -1) for key in ours])


def _copy_conv(module: nn.Conv2d, source: nn.Conv2d, out: Tensor, into: Tensor) -> int:
    """Copy by channels; compare the dense forms, in which a missing connection is 0."""
    if module.kernel_size != source.kernel_size:
        return 0
    dense, known = _dense(source)
    out_each, in_each = (count // module.groups for count in (module.out_channels,
                                                              module.in_channels))  # fmt: skip
    copied = 0
    for position in torch.nonzero(out >= 0).flatten().tolist():
        first = position // out_each * in_each
        at = into[first : first + in_each]
        row = dense[out[position], at.clamp(min=0)]
        row[at < 0] = 0
        module.weight[position] = row
        copied += int(known[out[position], at.clamp(min=0)][at >= 0].sum()) * row[0].numel()
    return copied


def _dense(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return the weights without groups, (out, in, height, width), and which of them exist."""
    out_each = conv.out_channels // conv.groups
    in_each = conv.in_channels // conv.groups
    dense = conv.weight.new_zeros(conv.out_channels, conv.in_channels, *conv.kernel_size)
    known = torch.zeros(conv.out_channels, conv.in_channels, dtype=torch.bool)
    for group in range(conv.groups):
        rows = slice(group * out_each, (group + 1) * out_each)
        columns = slice(group * in_each, (group + 1) * in_each)
        dense[rows, columns], known[rows, columns] = conv.weight[rows], True
    return dense, known


def _copy_norm(module: nn.BatchNorm2d, source: nn.BatchNorm2d, out: Tensor) -> int:
    kept = out >= 0
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(module, name)[kept] = getattr(source, name)[out[kept]]
    return 2 * int(kept.sum())


def _copy_linear(module: nn.Linear, source: nn.Linear, into: Tensor) -> int:
    kept = into >= 0
    module.weight[:, kept] = source.weight[:, into[kept]]
    module.weight[:, ~kept] = 0
    module.bias.copy_(source.bias)
    return int(kept.sum()) * module.out_features + module.out_features
