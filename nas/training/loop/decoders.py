"""Decoders: processes that decode images for a training, run by a DataLoader.

They belong to the training process, not to one training: a worker keeps them from trial to trial.
A request has all the data that a decoder needs, so that the same decoders serve all splits and
tasks. Decoders end with the process that started them.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from nas.errors import NasError
from nas.training.decoding.decode import BROKEN, Cutting, Pixels
from nas.training.decoding.pixels import reason

_AHEAD = 4  # batches to decode in advance, at least


@dataclass(frozen=True)
class DecodeRequest:
    """A batch to decode: encoded images or their paths, the numbers of each, and the crop."""

    images: Sequence[bytes | str]
    draws: Sequence[Sequence[float]]
    how: Cutting


@dataclass(frozen=True)
class Refused:
    """The failed image at `position`: it cannot be read (`unread`) or decoded (`why`)."""

    position: int
    why: str = ""
    unread: OSError | None = None


Decoded = Pixels | Refused


class _Decoding(Dataset[Decoded]):
    """Decodes the images of a request, or returns the first one that fails."""

    def __getitem__(self, request: DecodeRequest) -> Decoded:
        side = request.how.side
        pixels = np.empty((len(request.images), side, side, 3), dtype=np.uint8)
        for position, (image, draw) in enumerate(zip(request.images, request.draws, strict=True)):
            try:
                data = image if isinstance(image, bytes) else Path(image).read_bytes()
            except OSError as error:
                return Refused(position, unread=error)
            try:
                pixels[position] = request.how.pixels(data, draw)
            except BROKEN as error:
                return Refused(position, reason(error))
        return pixels


class _Requests(Sampler[DecodeRequest]):
    """The requests of the next epoch."""

    def __init__(self) -> None:
        self.next: Iterable[DecodeRequest] = ()

    def __iter__(self) -> Iterator[DecodeRequest]:
        return iter(self.next)


class Decoders:
    """Decodes batches ahead of the training, in separate `processes`."""

    def __init__(self, processes: int) -> None:
        """Set the number of processes; they start at the first request."""
        self.processes = processes
        self._requests, self._epoch = _Requests(), 0
        self._loader: DataLoader[Decoded] = DataLoader(
            _Decoding(),
            batch_size=None,  # a request is a batch
            sampler=self._requests,
            num_workers=processes,
            collate_fn=_unchanged,  # arrays come through a pipe: /dev/shm is small in containers
            persistent_workers=True,
            prefetch_factor=max(2, -(-_AHEAD // processes)),
            generator=torch.Generator(),  # otherwise each epoch draws from the global generator
        )

    def decode(self, requests: Iterable[DecodeRequest]) -> Iterator[Decoded]:
        """Yield the result of each request, in order. A new epoch ends the previous one.

        Raises:
            NasError: a decoder process was lost.
        """
        self._epoch += 1
        mine, self._requests.next = self._epoch, requests
        with lost_decoders_named():
            for decoded in self._loader:
                yield decoded
                if mine != self._epoch:
                    raise RuntimeError("another epoch has started")


@contextmanager
def lost_decoders_named() -> Iterator[None]:
    """Turn the loss of a decoder process into a NasError; the next epoch starts new processes.

    torch raises its error from a signal handler, anywhere in the main thread.

    Raises:
        NasError: a decoder process was lost.
    """
    try:
        yield
    except RuntimeError as error:
        detail = str(error).splitlines()[0] if str(error) else ""
        if not detail.startswith("DataLoader worker"):
            raise
        close()
        raise NasError(  # not a TaskError: the images are not the cause
            f"a process that decodes images was lost ({detail.rstrip('. ')}).",
            "If memory ran out, give fewer --loaders; the next training starts new processes.",
        ) from None


_of_this_process: Decoders | None = None
_wanted = 0


def use_processes(count: int) -> None:
    """Set the number of decoder processes for each training; 0: one for each training thread."""
    global _wanted
    _wanted = count


def decoders() -> Decoders:
    """Return the decoders of this process.

    By default there is one for each training thread, so that concurrent trials do not start more
    decoders than there are cores.
    """
    global _of_this_process
    wanted = _wanted or max(1, torch.get_num_threads())
    if _of_this_process is None or _of_this_process.processes != wanted:
        close()
        _of_this_process = Decoders(wanted)
    return _of_this_process


def close() -> None:
    """End the decoder processes of this process, if there are any."""
    global _of_this_process
    _of_this_process = None  # a DataLoader ends its processes when nothing refers to it


def _unchanged(decoded: Any) -> Any:
    return decoded
