"""Scratch directories of Ray: their location, and the remains of killed processes."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from nas.errors import NasError

_PREFIX = "nas-ray-"
_ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm")  # if TMPDIR cannot be used

# The maximum length of a socket's path on this system, in bytes, without the final NUL.
_SOCKET_BYTES = 107 if sys.platform == "linux" else 103


def make_scratch() -> Path:
    """Make a directory for Ray that only this user can read, and that `sweep` recognises.

    Raises:
        NasError: there is no suitable place.
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
        f"Set TMPDIR to a writable folder with a path of at most {_longest()} bytes.",
    )


def moved_note(scratch: Path) -> str | None:
    """Return why `scratch` is not in the folder TMPDIR; None if it is."""
    wanted = os.environ.get("TMPDIR")
    if not wanted or Path(wanted).absolute() == scratch.parent:
        return None
    reason = _unfit(Path(wanted).absolute()) or "it cannot be written"
    return f"TMPDIR={wanted} is not used for Ray: {reason}; its temporary files are in {scratch}."


def sweep() -> None:
    """Delete the scratch directories of processes that were killed."""
    for place in _places():
        for path in place.glob(f"{_PREFIX}*"):
            pid = path.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _places() -> list[Path]:
    """Return the folders to try, beginning with that of the user or the system."""
    try:
        first = [Path(tempfile.gettempdir()).absolute()]
    except FileNotFoundError:  # none of the standard folders is writable
        first = []
    return [*first, *(path for path in map(Path, _ELSEWHERE) if path not in first)]


def _unfit(place: Path) -> str | None:
    """Return why Ray cannot use a folder; None if no reason is known."""
    if not place.is_dir():
        return "it is a file" if place.exists() else "there is no such folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return "it is not writable"
    if not str(place).isascii():
        return "Ray accepts only paths of ASCII characters"
    if os.pathsep in str(place):
        return f"its path has a {os.pathsep!r}, which separates the folders of PYTHONPATH"
    size = len(os.fsencode(place))
    if size > _longest():
        return f"its path has {size} bytes, but Ray's sockets allow only {_longest()}"
    return None


def _longest() -> int:
    """Return the maximum number of bytes of a folder's path for Ray's sockets."""
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
