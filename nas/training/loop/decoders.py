"""Loaders: who decodes the images of this process, threads of its own or processes beside it.

Pillow lets go of the interpreter while it decodes and scales, so that threads do for a few cores.
What remains in the interpreter, about a tenth of a large JPEG and a third of a small PNG, is done
by one thread at a time and competes with the training; beyond that, loader processes decode. They
belong to the process, not to a training: a worker keeps them from trial to trial.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from queue import SimpleQueue

import numpy as np
import torch

from nas.errors import NasError, TaskError
from nas.training.data.records import Records
from nas.training.decoding.decode import BROKEN, Cut, Pixels, cut
from nas.training.decoding.pixels import reason
from nas.training.decoding.process import LENGTH, receive, received

_WAIT = 5.0  # seconds for a loader to end by itself


@dataclass(frozen=True)
class Piece:
    """Some images to be cut as `how` says: `indices` in `records`, and the numbers for each."""

    records: Records
    indices: Sequence[int]
    draws: Sequence[Sequence[float]]
    how: Cut

    def broken(self, position: int, said: object) -> TaskError:
        """Return the error that names the image at `position`."""
        return TaskError(
            f"{self.records.name(self.indices[position])} can no longer be read as an image "
            f"({said}).",
            "Replace or delete it, then go on with --resume.",
        )


class Loaders:
    """Cuts pieces, several at a time: in `threads`, or in `processes` where there are some."""

    def __init__(self, threads: int = 1, processes: int = 0) -> None:
        """Start no process before there is something to do."""
        self.threads, self.processes = threads, processes
        self._pool = ThreadPoolExecutor(processes or threads, thread_name_prefix="nas-loader")
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        for _ in range(processes):
            self._idle.put(None)

    def submit(self, piece: Piece, into: Pixels) -> "Future[None]":
        """Fill `into`, of shape (N, side, side, 3), with the images of `piece`.

        The result raises TaskError where an image cannot be read, NasError where a loader process
        was lost.
        """
        work: Callable[[Piece, Pixels], None] = self._remote if self.processes else _here
        return self._pool.submit(work, piece, into)

    def close(self) -> None:
        """End the threads and the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            process = self._idle.get()
            if process is not None:
                process.close()

    def _remote(self, piece: Piece, into: Pixels) -> None:
        encoded = [piece.records.read(index) for index in piece.indices]
        process = self._idle.get()
        try:
            if process is None:
                process = _Process()
            process.cut(piece, encoded, into)
        except _LostError:
            if process is not None:
                process.close()
            code = None if process is None else process.exit_code
            process = None  # the next piece gets a new one
            raise NasError(  # not the task's fault: the images are as they were
                f"a loader process was lost (exit code {code}).",
                "If memory ran out, give fewer --loaders; the next training starts a new one.",
            ) from None
        finally:
            self._idle.put(process)


class _LostError(Exception):
    """A loader process is gone."""


class _Process:
    """One loader process, seen from here."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        paths = os.pathsep.join(path for path in sys.path if path)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "nas.training.decoding.process",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # numpy would start a thread for each core, and needs none
                env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
            )
        self._socket = ours

    @property
    def exit_code(self) -> int | None:
        """How the process ended; the number of a signal is negative."""
        return self._process.returncode

    def cut(self, piece: Piece, encoded: Sequence[bytes], into: Pixels) -> None:
        """Have `encoded` cut into `into`; _LostError where the process is gone."""
        sizes = [len(data) for data in encoded]
        asked = {"how": asdict(piece.how), "draws": piece.draws, "sizes": sizes}
        text = json.dumps(asked).encode()
        try:
            self._socket.sendall(b"".join([LENGTH.pack(len(text)), text, *encoded]))
            (length,) = LENGTH.unpack(received(self._socket, LENGTH.size))
            if length == 0:
                receive(self._socket, into.reshape(-1).data)
                return
            position, said = json.loads(received(self._socket, length))
        except (EOFError, OSError) as error:
            raise _LostError from error
        raise piece.broken(position, said)

    def close(self) -> None:
        """End the process, which leaves when its socket closes."""
        self._socket.close()
        try:
            self._process.wait(_WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _here(piece: Piece, into: Pixels) -> None:
    """Cut `piece` in the thread that calls."""
    for position, (index, draw) in enumerate(zip(piece.indices, piece.draws, strict=True)):
        data = piece.records.read(index)
        try:
            into[position] = cut(data, draw, piece.how)
        except BROKEN as error:
            raise piece.broken(position, reason(error)) from error


_of_this_process: Loaders | None = None
_wanted = 0


def use_processes(count: int) -> None:
    """Let `count` loader processes decode for this process, or its own threads where it is 0."""
    global _wanted
    _wanted = count


def processes_in_use() -> int:
    """Return how many loader processes decode for this process; 0 where its threads do."""
    return _wanted


def loaders() -> Loaders:
    """Return the loaders of this process: as many threads as it trains on, unless told otherwise.

    A trial trains on the threads of the CPUs that it was given, so that trials side by side do not
    start more than there are cores.
    """
    global _of_this_process
    wanted = (max(1, torch.get_num_threads()), _wanted)
    found = _of_this_process
    if found is None or (found.threads, found.processes) != wanted:
        if found is not None:
            found.close()
        found = _of_this_process = Loaders(*wanted)
    return found


@atexit.register
def _close() -> None:
    if _of_this_process is not None:
        _of_this_process.close()


def empty(count: int, side: int) -> Pixels:
    """Return room for `count` images of `side` pixels: bytes of shape (count, side, side, 3)."""
    return np.empty((count, side, side, 3), dtype=np.uint8)
