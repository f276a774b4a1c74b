"""Colour jitter of hue, saturation and lightness, for whole batches on their device."""

import torch
from torch import Tensor


def jitter(images: Tensor, shifts: Tensor) -> Tensor:
    """Return `images` with hue, saturation and lightness shifted.

    `images` are floats in [0, 1] of shape (N, 3, H, W); `shifts` has shape (N, 3): turns of the
    hue, and amounts added to saturation and lightness (HSL), which are clipped to [0, 1].
    """
    hue, saturation, lightness = _to_hsl(images)
    turn, more, light = (shifts[:, i, None, None] for i in range(3))
    hue = (hue + turn) % 1
    saturation = torch.where(saturation > 0, (saturation + more).clamp(0, 1), saturation)
    return _to_rgb(hue, saturation, (lightness + light).clamp(0, 1))


def _to_hsl(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue, saturation and lightness in [0, 1], each of shape (N, H, W)."""
    red, green, blue = images.unbind(1)
    most, least = images.amax(1), images.amin(1)
    spread = most - least
    lightness = (most + least) / 2
    safe = spread.clamp(min=1e-8)
    saturation = spread / (1 - (2 * lightness - 1).abs()).clamp(min=1e-8)
    hue = torch.where(
        most == red,
        (green - blue) / safe,
        torch.where(most == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    grey = spread == 0
    return torch.where(grey, 0, hue / 6 % 1), torch.where(grey, 0, saturation), lightness


def _to_rgb(hue: Tensor, saturation: Tensor, lightness: Tensor) -> Tensor:
    reach = saturation * torch.minimum(lightness, 1 - lightness)
    channels = []
    for offset in (0, 8, 4):
        k = (offset + 12 * hue) % 12
        channels.append(lightness - reach * torch.minimum(k - 3, 9 - k).clamp(-1, 1))
    return torch.stack(channels, 1)
