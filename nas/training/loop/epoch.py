"""The results of one epoch of a training, and its state while it is in progress."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor

from nas.study import ByClass, Profile


@dataclass(frozen=True, slots=True)
class EpochResult:
    """The results of one epoch: `metrics` of the task by name, on the validation split.

    `epoch` counts from 1; `train_loss` is the mean of the minimised losses, with label smoothing
    and augmentation; `seconds` is the time of training and validation, `images_per_second` the
    speed of training alone. `lr` is the learning rate of the last step. `profile` has the seconds
    of each part (`nas.study.time_profile`) and the number of training images, if the session
    measures them. `by_class`, only for the last epoch, has the metrics of each class by name if the
    task measures them.

    If `train_loss` is not finite, the epoch is not validated and has no metrics.
    """

    epoch: int
    metrics: Mapping[str, float]
    train_loss: float
    seconds: float
    lr: float = 0.0
    images_per_second: float = 0.0
    profile: Profile | None = None
    by_class: ByClass | None = None

    def to_row(self) -> dict[str, Any]:
        """Return the fields by name, including the metrics."""
        row = asdict(self)
        return {"epoch": row.pop("epoch"), **row.pop("metrics"), **row}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "EpochResult":
        """Return the result that `to_row` wrote, in this version or an earlier one."""
        own = {field.name for field in fields(cls)}
        metrics = {key: value for key, value in row.items() if key not in own and value is not None}
        return cls(**{key: row[key] for key in own & row.keys()}, metrics=metrics)


@dataclass(slots=True)
class EpochState:
    """The state of an epoch in progress: its finished steps, and the values to continue it.

    `loss` is the sum of the losses, on the device; `random` is the state of the generator at the
    start of the pass over the images, and `seconds` the time that earlier sessions spent on the
    epoch.
    """

    steps: int
    loss: Tensor
    random: Tensor
    seconds: float = 0.0
