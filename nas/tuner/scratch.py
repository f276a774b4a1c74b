"""Scratch directories of Ray: their location, and the removal of those of killed processes.

Each has a file that its process keeps locked. The system releases the lock when the process ends,
also in another container that shares the folder, where process ids are not comparable.
"""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.errors import NasError

_PREFIX = "nas-ray-"
_RAY = "r"  # Ray makes its directory writable for all users: it is below one of mode 0700
_LOCK = "lock"
_OLD_SECONDS = 86400.0  # an older directory without a lock file is of an earlier version
_ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm")  # if TMPDIR cannot be used

_locks: dict[Path, int] = {}  # the open lock files of this process

# The maximum length of a socket's path on this system, in bytes, without the final NUL.
_SOCKET_BYTES = 107 if sys.platform == "linux" else 103


def make_scratch() -> Path:
    """Make a directory for Ray that only this user can read, and that `sweep` recognises.

    Raises:
        NasError: there is no suitable folder for it.
    """
    reasons = []
    for place in _places():
        unfit = _unfit(place)
        if unfit is None:
            try:
                return _locked(place)
            except OSError as error:
                unfit = error.strerror or str(error)
        reasons.append(f"{place} ({unfit})")
    raise NasError(
        f"no folder can hold temporary files: {', '.join(reasons)}.",
        f"Set TMPDIR to a writable folder with a path of at most {_longest()} bytes.",
    )


def _locked(place: Path) -> Path:
    """Make a directory in `place` with a locked file."""
    while True:
        scratch = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
        with suppress(FileNotFoundError):
            lock = os.open(scratch / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:  # otherwise `sweep` in another process has deleted it
                _locks[scratch] = lock
                return scratch
            os.close(lock)


def remove_scratch(scratch: Path) -> None:
    """Delete a directory that `make_scratch` made."""
    shutil.rmtree(scratch, ignore_errors=True)
    lock = _locks.pop(scratch, None)
    if lock is not None:
        os.close(lock)


def ray_folder(scratch: Path) -> Path:
    """Return the folder of Ray's own files in `scratch`."""
    return scratch / _RAY


def moved_note(scratch: Path) -> str | None:
    """Return a note why `scratch` is not in the folder TMPDIR; None if it is."""
    wanted = os.environ.get("TMPDIR")
    if not wanted or Path(wanted).absolute() == scratch.parent:
        return None
    reason = _unfit(Path(wanted).absolute()) or "it cannot be written"
    return f"TMPDIR={wanted} is not used for Ray: {reason}; its temporary files are in {scratch}."


def sweep() -> None:
    """Delete the scratch directories of processes that were killed."""
    for place in _places():
        for path in place.glob(f"{_PREFIX}*"):
            with _is_abandoned(path) as abandoned:
                if abandoned:
                    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _is_abandoned(path: Path) -> Iterator[bool]:
    """Yield whether the process of a scratch directory has ended, and hold its lock meanwhile."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        yield path.is_dir() and time.time() - path.stat().st_mtime > _OLD_SECONDS
        return
    except OSError:  # it belongs to another user
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)


def _places() -> list[Path]:
    """Return the folders to try, beginning with Python's folder for temporary files."""
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
    return _SOCKET_BYTES - len(f"/{_PREFIX}{pid}-xxxxxxxx/{_RAY}/{session}/sockets/plasma_store")
