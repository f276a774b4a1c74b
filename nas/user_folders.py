"""The home folder of the user, its substitute, and the folder of the results."""

import contextlib
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

RESULTS = "nas-results"


def home_folder() -> Path:
    """Return the home folder of the user; `user_folder` if there is none."""
    try:
        return Path.home()
    except RuntimeError:
        return user_folder()


def is_writable(folder: Path) -> bool:
    """Tell whether `folder`, or its nearest existing parent, is writable."""
    with contextlib.suppress(OSError):
        existing = next(part for part in (folder, *folder.absolute().parents) if part.exists())
        return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return False


def user_folder() -> Path:
    """Return the folder of this user among the temporary files; create it if it is missing.

    If that folder belongs to another user, or others can write to it, this process gets a new one.
    """
    folder = Path(tempfile.gettempdir(), f"nas-user-{os.getuid()}")
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        private = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) == 0
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and private:
            return folder
    return _new_folder()


@cache
def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="nas-user-"))


def results_folder() -> Path:
    """Return the default folder of results: the value of NAS_RESULTS, or nas-results."""
    return Path(os.environ.get("NAS_RESULTS") or RESULTS)
