"""Reaper: a small process that ends the processes of our local Ray once their driver has ended.

Ray's agents notice the end of a killed driver only after a minute or two, and a stopped process
never does. The reaper notices it at once, by the end of a pipe, and kills what is left after some
seconds. It finds the processes by an environment variable that they inherit, on Linux.
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
        [sys.executable, "-I", "-S", __file__, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # a signal of the terminal is not for it
    )
    assert process.stdin is not None
    process.wait()  # it has forked: it is no child of this process, and outlives it
    return process.stdin


def _reap(scratch: Path) -> None:
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and any(_marked(scratch)):
        time.sleep(0.1)
    for pid in _marked(scratch):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)


def _marked(scratch: Path) -> Iterator[int]:
    """Yield the processes of the Ray in `scratch`."""
    mark = os.fsencode(f"{MARK}={scratch}\0")
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if mark in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                yield int(folder.name)


if __name__ == "__main__" and os.fork() == 0:
    _reap(Path(sys.argv[1]))
