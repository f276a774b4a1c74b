"""PyTorch, eager: folded batch normalisations, channels-last, float32.

On a GPU, times are measured between CUDA events on the device; at batch 1 they are mostly kernel
launch times.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from nas.cost import Device
from nas.space import Input, Layer
from nas.training.latency.runtime import Profile, Run, cpu_name, networks
from nas.training.loop.devices import cpu_threads
from nas.training.network.folded import fold
from nas.training.network.module import Network, build

_WARM_UP = 2


class TorchRuntime:
    """Runs networks on one PyTorch device."""

    def __init__(self, device: torch.device, threads: int = 1) -> None:
        """Describe the device."""
        cuda = device.type == "cuda"
        name = torch.cuda.get_device_name(device) if cuda else cpu_name()
        self.device = Device(device.type, name, "torch", torch.__version__, threads)
        self._device = device

    def load(self, layers: Sequence[Layer]) -> Run:
        """Return a function that computes the network of `layers` once."""
        network, images = self._load(layers)

        def run() -> None:
            with cpu_threads(self.device.threads), torch.inference_mode():
                network(images)
                self._wait()

        return run

    def profile(self, layers: Sequence[Layer], runs: int) -> list[Profile]:
        """Return the nanoseconds of each layer by name, for each of `runs` runs."""
        cuda = self._device.type == "cuda"
        clock: _MarkClock = _CudaClock() if cuda else _CpuClock(self.device.threads == 1)
        parts = [self._load(part) for part in networks(layers)]
        names: list[str] = []
        for (network, _), part in zip(parts, networks(layers), strict=True):
            stamped(network, clock)
            names += [layer.name for layer in part]  # the start of each network is its input
        profiles = []
        with cpu_threads(self.device.threads), torch.inference_mode():
            for _ in range(_WARM_UP + runs):
                clock.restart()
                for network, images in parts:
                    clock.mark()
                    network(images)
                self._wait()
                profiles.append(dict(zip(names, clock.elapsed(), strict=True)))
        inputs = {layer.name for layer in layers if isinstance(layer, Input)}
        return [
            {name: spent for name, spent in profile.items() if name not in inputs}
            for profile in profiles[_WARM_UP:]
        ]

    def _load(self, layers: Sequence[Layer]) -> tuple[Network, Tensor]:
        network = build(layers, torch.Generator().manual_seed(0)).eval()
        fold(network, layers)
        network.to(self._device).to(memory_format=torch.channels_last)
        images = torch.randn(1, *layers[0].shape, device=self._device)
        return network, images.contiguous(memory_format=torch.channels_last)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class _CpuClock:
    """Records points in time: CPU time of this thread if it computes alone, else wall time."""

    def __init__(self, alone: bool) -> None:
        self._now = time.thread_time_ns if alone else time.perf_counter_ns
        self._marks: list[int] = []

    def restart(self) -> None:
        self._marks.clear()

    def mark(self) -> None:
        self._marks.append(self._now())

    def elapsed(self) -> list[float]:
        """Return the nanoseconds between each mark and the previous one; 0 for the first."""
        return [0.0, *(float(after - before) for before, after in pairwise(self._marks))]


class _CudaClock:
    """Events in the queue of a GPU; they can be read when the GPU has reached the last one."""

    def __init__(self) -> None:
        self._marks: list[Any] = []

    def restart(self) -> None:
        self._marks.clear()

    def mark(self) -> None:
        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._marks.append(event)

    def elapsed(self) -> list[float]:
        pairs = pairwise(self._marks)
        return [0.0, *(1e6 * float(before.elapsed_time(after)) for before, after in pairs)]


_MarkClock: TypeAlias = _CpuClock | _CudaClock


class _Stamped(nn.Module):
    """A module that sets a mark when it has finished."""

    def __init__(self, module: nn.Module, clock: _MarkClock) -> None:
        super().__init__()
        self.module = module
        self._clock = clock

    def forward(self, *maps: Tensor) -> Tensor:
        result: Tensor = self.module(*maps)
        self._clock.mark()
        return result


def stamped(network: Network, clock: _MarkClock) -> None:
    """Make the module of each layer of `network` set a mark when it has finished."""
    network.change_modules(lambda module: _Stamped(module, clock))
