"""Processes: which one this is, and whether another one that we can see has ended."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process for all time: its id may be used again, but not with the same moment of birth.

    `place` is equal for two processes that see the same process table; a host name alone does not
    tell, for containers share names. `born` is in clock ticks since the machine started, as
    /proc has it, or empty where there is no /proc.
    """

    host: str
    pid: int
    place: str
    born: str


def this_process() -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    return Process(socket.gethostname(), pid, _place(), _born(pid) or "")


def has_ended(process: Process) -> bool:
    """Tell whether `process` is surely gone; False where it runs or cannot be seen from here."""
    if process.place != _place():
        return False
    try:
        os.kill(process.pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass  # it lives, as another user's
    born = _born(process.pid)
    return bool(born and process.born) and born != process.born


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _born(pid: int) -> str | None:
    """Return when `pid` began; "ended" for one that only waits to be reaped; None if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in "ZX" else fields[19]
