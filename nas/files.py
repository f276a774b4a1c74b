"""Atomic and durable writes of files.

Every file that nas writes for the user has the permissions that the umask allows for a new file:
the database, weights, reports and exports. `umask 077` keeps all of them private.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary path next to `path`, then rename it to `path`.

    Missing parent folders are created.

    Raises:
        OSError: the folder or the file cannot be written; no partial file remains.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name is unique, also among machines that share the folder. If two processes
    # wrote to one temporary file, one would truncate the file that the other has published, and
    # that readers may have mapped.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        mode = new_file(temporary)
        write(temporary)
        temporary.chmod(mode)  # some libraries replace the file by one with other permissions
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def drop_unfinished(folder: Path) -> None:
    """Delete the temporary files and folders that killed processes left in `folder`.

    No other process may be writing there.
    """
    for path in (*folder.glob(".*.part"), *folder.glob(".*.old")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def new_file(path: Path) -> int:
    """Create an empty file, and return its permissions, which the umask determines.

    Raises:
        OSError: the file exists, or cannot be created.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return os.fstat(descriptor).st_mode & 0o777
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
