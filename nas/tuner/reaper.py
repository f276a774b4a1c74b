"""Reaper: a small process that ends the processes of our local Ray once their driver has ended.

Ray's agents notice the end of a killed driver only after a minute or two, and a stopped process
never does. The reaper notices it at once, by the end of a pipe, and kills what is left after some
seconds. On Linux it finds the processes by an environment variable that they inherit, and after the
end of the driver also by their log files: some overwrite their environment with a title.
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
        start_new_session=True,  # a signal of the terminal is not for it
    )
    assert process.stdin is not None
    process.wait()  # it has forked: it is no child of this process, and outlives it
    return process.stdin


def _reap(scratch: Path, driver: int) -> None:
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and any(_left(scratch, driver)):
        time.sleep(0.2)
    for pid in _left(scratch, driver):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)


def _left(scratch: Path, driver: int) -> Iterator[int]:
    """Yield the processes of the Ray in `scratch`."""
    mark, ended = os.fsencode(f"{MARK}={scratch}\0"), _has_ended(driver)
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) in (os.getpid(), driver):
            continue
        with suppress(OSError):  # it has ended, or belongs to another user
            marked = mark in (folder / "environ").read_bytes()
            if marked or (ended and _has_open(folder / "fd", scratch)):
                yield int(folder.name)


def _has_ended(pid: int) -> bool:
    """Tell whether a process has ended, perhaps without being waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _has_open(descriptors: Path, scratch: Path) -> bool:
    """Tell whether a process has a file in `scratch` open."""
    return any(file.readlink().is_relative_to(scratch) for file in descriptors.iterdir())


if __name__ == "__main__" and os.fork() == 0:
    _reap(Path(sys.argv[1]), int(sys.argv[2]))
