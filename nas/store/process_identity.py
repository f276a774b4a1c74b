"""Identities of processes, and a check whether another process on this machine has ended."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A unique identity of a process; the start time distinguishes processes with a reused id.

    `place` identifies the process table, from the boot and the PID namespace, because containers
    can have the same host name. `born` is the start time in clock ticks since boot, from /proc;
    empty without /proc.
    """

    host: str
    pid: int
    place: str
    born: str


def this_process() -> Process:
    """Return the current process."""
    pid = os.getpid()
    return Process(socket.gethostname(), pid, _place(), _born(pid) or "")


def has_ended(process: Process) -> bool:
    """Tell whether `process` has certainly ended; False if it runs, or is in another namespace."""
    if process.place != _place():
        return False
    try:
        os.kill(process.pid, 0)  # signal 0 only checks
    except ProcessLookupError:
        return True
    except OverflowError:
        return False
    except PermissionError:
        pass  # it runs, under another user
    born = _born(process.pid)
    return bool(born and process.born) and born != process.born


def same_boot(process: Process) -> bool:
    """Tell whether `process` is of the same boot as this one, with the same monotonic clock."""
    boot = _boot()
    return boot is not None and process.place.startswith(f"{boot} ")


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _place() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    boot = _boot()
    return socket.gethostname() if boot is None else f"{boot} {namespace}"


def _born(pid: int) -> str | None:
    """Return the start time of `pid`; "ended" for a zombie; None if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in "ZX" else fields[19]
