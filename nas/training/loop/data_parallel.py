"""Data parallel: several processes train one network, each on its part of every batch.

Batch norms, losses and gradients are computed over the whole batch, and all processes draw the same
random numbers: the result equals that of one process up to the rounding of sums. The parts of a
batch have equal sizes, so that means over processes are means over images.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nas.errors import TaskError
from nas.training.network.module import Network

Norm = nn.BatchNorm2d | nn.SyncBatchNorm


@dataclass(frozen=True, slots=True)
class Team:
    """Process `rank` of `size`; torch.distributed connects several processes."""

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls) -> "Team":
        """Return the team of this process, as torch.distributed reports it."""
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def part(self, whole: Tensor) -> Tensor:
        """Return this process's part of a batch, along the first axis; a remainder is left out."""
        each = len(whole) // self.size
        return whole[self.rank * each : (self.rank + 1) * each]

    def turns(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return every `size`-th of `parts` from the `rank`-th on; the team covers all parts."""
        return parts[self.rank :: self.size]

    def add(self, *sums: Tensor) -> None:
        """Replace each tensor by its sum over the processes."""
        for tensor in sums if self.size > 1 else ():
            dist.all_reduce(tensor)

    def check(self, batch_size: int, images: int) -> None:
        """Check that batches of `batch_size` of `images` can be divided into equal parts.

        Raises:
            TaskError: they cannot be divided, or the parts have fewer than two images.
        """
        if batch_size % self.size:
            near = max(1, round(batch_size / self.size)) * self.size
            raise TaskError(
                f"batches of {batch_size} cannot be divided equally among {self.size} workers.",
                f"Give a number of --workers that divides it, or --set batch_size={near}.",
            )
        if min(batch_size, images) < 2 * self.size:
            raise TaskError(
                f"{min(batch_size, images)} images a batch are too few for {self.size} workers.",
                "Give fewer --workers, or a greater batch_size.",
            )

    def wrap(self, network: Network) -> nn.Module:
        """Return `network`, wrapped to average the gradients of a team."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, broadcast_buffers=False)


ALONE = Team()


def share_norms(network: Network) -> None:
    """Make the batch norms of `network` use the statistics of the team's whole batch."""
    network.change_modules(_shared)


def norms_of(network: nn.Module) -> list[Norm]:
    """Return the batch norms of a network, shared or not."""
    return [part for part in network.modules() if isinstance(part, Norm)]


def unsynchronised(network: nn.Module) -> AbstractContextManager[Any]:
    """Return a context without averaging of gradients, for all parts of a batch but the last."""
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


class _Mean(torch.autograd.Function):
    """The mean of a tensor over the processes; gradients are averaged too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        mean = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _mean(gradients[0])


_mean: Callable[[Tensor], Tensor] = _Mean.apply


class SharedBatchNorm(nn.BatchNorm2d):
    """A batch norm over the equal parts of all processes; torch's SyncBatchNorm needs a GPU.

    Shapes and values equal those of `nn.BatchNorm2d` on the whole batch.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, shape (N, C, H, W), normalised by the statistics of the whole batch."""
        if not self.training:
            return super().forward(x)
        mean = _mean(x.mean((0, 2, 3)))
        centred = x - mean[:, None, None]
        variance = _mean(centred.square().mean((0, 2, 3)))
        self._remember(mean.detach(), variance.detach(), x.numel() // len(mean))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]

    def _remember(self, mean: Tensor, variance: Tensor, values: int) -> None:
        """Update the running statistics; this process has `values` numbers per channel."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        step = self.momentum
        if step is None:
            step = 1 / float(self.num_batches_tracked)
        whole = values * dist.get_world_size()
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(variance * (whole / max(1, whole - 1)), step)


def _shared(module: nn.Module) -> nn.Module:
    """Return a batch norm over the team with the tensors of `module`; other modules unchanged."""
    if not isinstance(module, nn.BatchNorm2d) or isinstance(module, SharedBatchNorm):
        return module
    if module.weight.is_cuda:
        synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return synced
    shared = SharedBatchNorm(module.num_features, eps=module.eps, momentum=module.momentum)
    shared.load_state_dict(module.state_dict())
    shared.weight, shared.bias = module.weight, module.bias  # the optimiser refers to these
    return shared
