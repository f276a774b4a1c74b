"""Teaching: a training that learns from the outputs of trained networks as well as from labels.

Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531): the student minimises

    (1 - w) * loss(labels) + w * T^2 * KL(p_T || q_T)

`q_T` is the softmax of the student's logits divided by the temperature T, and `p_T` the mean of
this softmax over the teachers. The factor T^2 keeps the size of the gradients about equal at every
temperature. The teachers get the same augmented batch as the student, resized to their own input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.errors import TaskError
from nas.storage import file_at
from nas.study import Teacher
from nas.training.data import Task
from nas.training.network.module import Network, build
from nas.training.network.weights_file import load_weights


@dataclass(frozen=True)
class _TeacherNetwork:
    """One teacher in eval mode; `scale` and `shift` convert a batch to its normalisation."""

    network: Network
    size: tuple[int, int]
    scale: Tensor
    shift: Tensor

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits, (N, classes), for a batch (N, C, H, W) normalised for the student."""
        shown = torch.addcmul(self.shift, images, self.scale)
        if shown.shape[-2:] != self.size:
            shown = F.interpolate(shown, self.size, mode="bilinear", antialias=True)
        logits: Tensor = self.network(shown.contiguous(memory_format=torch.channels_last))
        return logits.float()


class Teaching:
    """The teachers of one training on a device, with the weight and the temperature of the loss."""

    def __init__(
        self,
        teachers: Sequence[Teacher],
        task: Task,
        weight: float,
        temperature: float,
        device: torch.device,
        accelerate: Callable[[Network], object] = lambda network: None,
    ) -> None:
        """Load the weights of `teachers` for a student that is trained on `task`.

        `accelerate` may speed up each network.

        Raises:
            TaskError: a teacher has other input channels or outputs than the task.
            WeightsError: its weights are missing or have changed.
        """
        self.weight, self.temperature = weight, temperature
        self._members = [_member(each, task, device) for each in teachers]
        for member in self._members:
            accelerate(member.network)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the mean softmax of the teachers at the temperature, shape (N, classes)."""
        found = [
            F.softmax(member.logits(images) / self.temperature, dim=1) for member in self._members
        ]
        return torch.stack(found).mean(0)

    def loss(self, hard: Tensor, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Return the loss with distillation, a scalar.

        `hard` is the loss with respect to the labels, `outputs` are the student's logits,
        (N, classes), and `wanted` the result of `probabilities`.
        """
        own = F.log_softmax(outputs.float() / self.temperature, dim=1)
        soft = self.temperature**2 * F.kl_div(own, wanted, reduction="batchmean")
        return (1 - self.weight) * hard + self.weight * soft


def _member(teacher: Teacher, task: Task, device: torch.device) -> _TeacherNetwork:
    shape, outputs = teacher.layers[0].shape, teacher.layers[-1].shape.channels
    if (shape.channels, outputs) != (task.input.channels, task.outputs):
        raise TaskError(
            f"the teacher {teacher.name} has {shape.channels} input channels and {outputs} "
            f"outputs, but the task {task.name} has {task.input.channels} and {task.outputs}.",
            "Name teachers of the same task.",
        )
    network = build(teacher.layers)
    load_weights(network, file_at(teacher.file), teacher.sha256)
    placed: Network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    placed.requires_grad_(False)
    ours, theirs = (_pixels(mean, device) for mean in (task.mean, teacher.mean))
    scale = _pixels(task.std, device) / _pixels(teacher.std, device)
    shift = (ours - theirs) / _pixels(teacher.std, device)
    return _TeacherNetwork(placed.eval(), (shape.height, shape.width), scale, shift)


def _pixels(values: Sequence[float], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device)[:, None, None]
