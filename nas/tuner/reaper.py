"""Reaper: a small process that ends the processes of a local Ray after their driver has ended.

Ray's agents notice the end of a killed driver only after a minute or two, and a stopped process
(SIGSTOP) never does. The reaper notices it at once, by the end of a pipe, and kills the remaining
processes after some seconds. On Linux it finds them by an environment variable that they inherit,
and after the end of the driver also by their open log files, because some processes overwrite
their environment with a title.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

MARK = "NAS_RAY_SCRATCH"  # the variable; its value is the scratch directory
_GRACE_SECONDS = 3.0


def started_reaper(scratch: Path) -> IO[bytes]:
    """Start a reaper for the Ray in `scratch`; return the pipe whose end it waits for."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(scratch), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # it gets no signals of the terminal
    )
    assert process.stdin is not None
    process.wait()  # the reaper has forked: it is not a child of this process, and outlives it
    return process.stdin


def _reap(scratch: Path, driver: int) -> None:
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and any(_remaining(scratch, driver)):
        time.sleep(0.2)
    for pid in _remaining(scratch, driver):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)


def _remaining(scratch: Path, driver: int) -> Iterator[int]:
    """Yield the ids of the processes of the Ray in `scratch`."""
    mark, ended = os.fsencode(f"{MARK}={scratch}\0"), _has_ended(driver)
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) in (os.getpid(), driver):
            continue
        with suppress(OSError):  # it has ended, or belongs to another user
            marked = mark in (folder / "environ").read_bytes()
            if marked or (ended and _has_open(folder / "fd", scratch)):
                yield int(folder.name)


def _has_ended(pid: int) -> bool:
    """Tell whether a process has ended or is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _has_open(descriptors: Path, scratch: Path) -> bool:
    """Tell whether a process has a file in `scratch` open."""
    return any(file.readlink().is_relative_to(scratch) for file in descriptors.iterdir())


if __name__ == "__main__" and os.fork() == 0:
    _reap(Path(sys.argv[1]), int(sys.argv[2]))
