"""Scratch directories of Ray: where they lie, and what a process that was killed has left."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from nas.errors import NasError

_PREFIX = "nas-ray-"
_ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm")  # where TMPDIR cannot be used

# The longest path of a socket on this system, in bytes, without the NUL at its end.
_SOCKET_BYTES = 107 if sys.platform == "linux" else 103


def make_scratch() -> Path:
    """Make a directory for Ray that only this user can read, and that `sweep` knows.

    Raises:
        NasError: there is no place for it.
    """
    reasons = []
    for place in _places():
        unfit = _unfit(place)
        if unfit is None:
            try:
                return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
            except OSError as error:
                unfit = error.strerror or str(error)
        reasons.append(f"{place} ({unfit})")
    raise NasError(
        f"no folder can hold temporary files: {', '.join(reasons)}.",
        f"Set TMPDIR to a folder that you can write to, of at most {_longest()} bytes.",
    )


def moved_note(scratch: Path) -> str | None:
    """Return why `scratch` does not lie in the folder that TMPDIR names; None if it does."""
    wanted = os.environ.get("TMPDIR")
    if not wanted or Path(wanted).absolute() == scratch.parent:
        return None
    reason = _unfit(Path(wanted).absolute()) or "it cannot be written"
    return f"TMPDIR={wanted} is not used for Ray: {reason}; its temporary files are in {scratch}."


def sweep() -> None:
    """Delete the scratch directories of processes that were killed before they could."""
    for place in _places():
        for path in place.glob(f"{_PREFIX}*"):
            pid = path.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _places() -> list[Path]:
    """Return the folders to try, the one that the user or the system names first."""
    try:
        first = [Path(tempfile.gettempdir()).absolute()]
    except FileNotFoundError:  # it has tried to write to each folder that it knows
        first = []
    return [*first, *(path for path in map(Path, _ELSEWHERE) if path not in first)]


def _unfit(place: Path) -> str | None:
    """Return why Ray cannot use a folder; None where nothing is known against it."""
    if not place.is_dir():
        return "it is a file" if place.exists() else "there is no such folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return "it cannot be written"
    if not str(place).isascii():
        return "Ray takes no path with other characters than ASCII"
    if os.pathsep in str(place):
        return f"its path has a {os.pathsep!r}, which separates the folders of PYTHONPATH"
    size = len(os.fsencode(place))
    if size > _longest():
        return f"its path has {size} bytes, and Ray's sockets leave room for {_longest()}"
    return None


def _longest() -> int:
    """Return how many bytes the path of a folder may have, so that Ray's sockets fit below it."""
    pid = os.getpid()
    session = f"session_2000-01-01_00-00-00_000000_{pid}"
    return _SOCKET_BYTES - len(f"/{_PREFIX}{pid}-xxxxxxxx/{session}/sockets/plasma_store")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
