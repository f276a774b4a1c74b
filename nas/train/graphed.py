"""Graphed: training steps that a GPU records once, and repeats with one call each.

A small network at a small batch is bound by its launches: hundreds of kernels of microseconds each,
issued one by one. A CUDA graph issues all of them at once. What it repeats are addresses and
numbers as they were, so that batches are copied to where the recording reads them, and the
learning rate is a tensor; whatever else differs from step to step has to stay outside.

No recording is believed: the batch after it is trained on in both ways, from one state, by the
recording at twice the learning rate. Where weights do not go twice as far by it, or nothing can be
recorded, the session goes on step by step and says why.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from nas.errors import TaskError

VARIABLE = "NAS_CUDA_GRAPHS"  # "off": issue every kernel by itself
_REHEARSALS = 3  # steps before a recording, in which libraries choose kernels and states are made
_TOLERANCE = 0.05  # of the length of a step, for kernels that do not repeat exactly


class Recorder(Protocol):
    """Records what a call asks of a device, and repeats it. Made anew for each recording."""

    def rehearse(self, step: Callable[[], Tensor]) -> Tensor:
        """Take `step` as it will be recorded; return its result."""
        ...

    def record(self, step: Callable[[], Tensor]) -> None:
        """Record `step` without executing it.

        Raises:
            RuntimeError: it asks for what cannot be recorded, such as to wait for the device.
        """
        ...

    def replay(self) -> Tensor:
        """Repeat what was recorded; the result is overwritten by the next call."""
        ...


class Stepping(Protocol):
    """What takes training steps: a session."""

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take a step with a batch; return the loss, which stays on the device."""
        ...

    def stepped(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Return all that a step changes: the weights, and everything else."""
        ...


class CudaGraph:
    """Records on a CUDA device, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        """Record what is asked of `device`."""
        self._graph = torch.cuda.CUDAGraph()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._device = device
        self._result: Tensor | None = None

    def rehearse(self, step: Callable[[], Tensor]) -> Tensor:
        """Take `step` on the stream that records: nothing of it may belong to another one."""
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            result = step()
        usual.wait_stream(self._stream)
        return result

    def record(self, step: Callable[[], Tensor]) -> None:
        """Record `step`; threads that load images may go on meanwhile."""
        mode = "thread_local"
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode=mode):
            self._result = step()

    def replay(self) -> Tensor:
        """Issue all that was recorded, with one call."""
        assert self._result is not None
        self._graph.replay()
        return self._result


class Graphed:
    """Takes the training steps of one session from a recording, wherever that can be had.

    `rate` is where a step has to read the learning rate. `refused` says why there is no recording,
    once that is known.
    """

    def __init__(self, recorder: Callable[[], Recorder], device: torch.device) -> None:
        """Record with `recorder`, made anew for every shape of a batch."""
        self.rate = torch.zeros((), device=device)
        self.refused: str | None = None
        self._make = recorder
        self._recorder: Recorder  # from the first batch on
        self._batch: tuple[Tensor, Tensor] | None = None
        self._taken = 0

    def step(self, session: Stepping, images: Tensor, labels: Tensor) -> Tensor:
        """Take one step of `session`, always the same one, which is not kept: it keeps this.

        Returns the loss, to be read before the next call.
        """
        if self.refused is not None:
            return session.step(images, labels)
        if self._batch is None or self._batch[0].shape != images.shape:
            self._recorder = self._make()  # the memory of the one before is free again
            self._batch, self._taken = (torch.empty_like(images), torch.empty_like(labels)), 0
        for mine, given in zip(self._batch, (images, labels), strict=True):
            mine.copy_(given)
        self._taken += 1
        step = partial(session.step, *self._batch)
        if self._taken <= _REHEARSALS:
            return self._recorder.rehearse(step)
        if self._taken == _REHEARSALS + 1:
            return self._record(step)
        if self._taken == _REHEARSALS + 2:
            return self._check(session, step)
        return self._recorder.replay()

    def _record(self, step: Callable[[], Tensor]) -> Tensor:
        """Record, and take this step by itself: the recording is for the next batch to check."""
        try:
            self._recorder.record(step)
        except RuntimeError as error:
            self._refuse(f"they cannot be recorded ({str(error).strip().splitlines()[0][:200]})")
        return self._recorder.rehearse(step)

    @torch.no_grad()
    def _check(self, session: Stepping, step: Callable[[], Tensor]) -> Tensor:
        """Take one step in both ways from one state, the repeated one at twice the rate.

        Weights must go twice as far by it, as those of SGD do, and everything else as far. What is
        left is the plain step.
        """
        before = _copied(session.stepped())
        self.rate.mul_(2)
        self._recorder.replay()
        self.rate.div_(2)
        repeated = _copied(session.stepped())
        _restore(session.stepped(), before)
        with torch.enable_grad():
            loss = self._recorder.rehearse(step)
        parts = zip(session.stepped(), repeated, before, (2.0, 1.0), strict=True)
        for plain, other, start, times in parts:
            way, apart = _distance(plain, start), _distance(_beyond(start, plain, times), other)
            if not apart <= _TOLERANCE * way:  # also where either is no number
                self._refuse(f"a repeated step was {apart:.3g} off one of length {way:.3g}")
                break
        return loss

    def _refuse(self, reason: str) -> None:
        """Go on step by step, and free what was recorded."""
        self.refused = reason
        self._batch, self._recorder = None, self._make()


def recorder_of(device: torch.device) -> Callable[[], Recorder] | None:
    """Return what records on `device`; None where nothing does, or the variable says so.

    Raises:
        TaskError: NAS_CUDA_GRAPHS is neither `on` nor `off`.
    """
    named = os.environ.get(VARIABLE) or "on"
    if named not in ("on", "off"):
        raise TaskError(f"{VARIABLE}={named!r} is no choice.", "Set it to on or off, or unset it.")
    if device.type != "cuda" or named == "off":
        return None
    return lambda: CudaGraph(device)


_State = tuple[Sequence[Tensor], Sequence[Tensor]]


def _copied(state: _State) -> _State:
    weights, rest = state
    return [tensor.clone() for tensor in weights], [tensor.clone() for tensor in rest]


def _restore(state: _State, before: _State) -> None:
    for tensors, values in zip(state, before, strict=True):
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)


def _beyond(start: Sequence[Tensor], end: Sequence[Tensor], times: float) -> list[Tensor]:
    """Return the way from `start` to `end` gone so many times, of what is no count."""
    pairs = zip(start, end, strict=True)
    return [torch.lerp(a, b, times) if a.is_floating_point() else b for a, b in pairs]


def _distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the Euclidean distance of two states; waits for the device."""
    squares = [
        (a.double() - b.double()).square().sum()
        for a, b in zip(one, other, strict=True)
        if a.is_floating_point()
    ]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0
