"""A regression on images as a task of nas: how bright is the lamp behind the noise?

The images are generated. A network has one output, learns by the mean squared error and is reported
by the mean absolute error.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.metrics import Metric
from nas.space import Builder, Head, SearchSpace
from nas.study import TaskRequest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nas.training import Task

IMAGES, SIDE = 600, 8

ERROR = Metric(
    "brightness_error",
    "mean absolute error of the brightness",
    unit="% of white",
    factor=100.0,
    digits=".2f",
    worst=1.0,
    short="brightness error",
    meaning="mean absolute difference of the predicted and the true brightness, black 0, white 1",
    difference_unit="points",
)
SQUARE = Metric(
    "brightness_square",
    "mean squared error of the brightness",
    digits=".5f",
    worst=1.0,
    short="squared error",
)


@dataclass(frozen=True)
class BrightnessHead:
    """Global average pooling and one linear output, without the wide convolution."""

    outputs: int = 1
    side: int | None = None

    def lower(self, space: SearchSpace, net: Builder, outputs: int) -> None:
        """Append the two layers."""
        net.global_pool("pool")
        net.prefix = ""
        net.linear("brightness", outputs)


class Brightness:
    """The kind of the task: what it measures, and how its data are made."""

    metrics = (ERROR.name, SQUARE.name)
    head: Head = BrightnessHead()
    side = SIDE
    embedded = True
    recipe = "digits"
    remark = "The images are generated."

    def load(self, request: TaskRequest) -> "Task":
        """Return the task; the images are the same for every request, the splits are not."""
        import torch

        from nas.training import task_of

        random = torch.Generator().manual_seed(0)
        shade = torch.rand(IMAGES, generator=random)
        noise = torch.rand(IMAGES, 1, SIDE, SIDE, generator=random)
        pixels = 255 * (0.7 * shade[:, None, None, None] + 0.3 * noise)
        return task_of(request, pixels.to(torch.uint8), shade[:, None], Regression(), outputs=1)


class Regression:
    """Outputs that should equal numbers in [0, 1]."""

    def loss(self, outputs: "Tensor", targets: "Tensor", smoothing: float = 0.0) -> "Tensor":
        """Return the mean squared error of outputs (N, 1) for targets (N, 1)."""
        return (outputs.float() - targets).square().mean()

    def scores(self, device: "torch.device") -> "Errors":
        """Return the sums of no images."""
        return Errors(device)


class Errors:
    """Sums of absolute and squared errors, and the number of images."""

    def __init__(self, device: "torch.device") -> None:
        import torch

        self._sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, outputs: "Tensor", targets: "Tensor") -> None:
        """Add one batch."""
        import torch

        gaps = (outputs.double() - targets).flatten()
        number = torch.ones_like(gaps).sum()
        self._sums += torch.stack([gaps.abs().sum(), gaps.square().sum(), number])

    @property
    def sums(self) -> "tuple[Tensor, ...]":
        """All sums."""
        return (self._sums,)

    def result(self) -> dict[str, float]:
        """Return the means by the names of the metrics."""
        absolute, square, number = self._sums.tolist()
        return {ERROR.name: absolute / number, SQUARE.name: square / number}

    def details(self) -> dict[str, Any]:
        """Return nothing: there is no confusion of numbers."""
        return {}


BRIGHTNESS = Brightness()
