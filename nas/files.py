"""Atomic and lasting writes of files."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a temporary file next to `path`, then rename it to `path`; parents are made.

    Raises:
        OSError: the folder or the file cannot be written; no partial file remains.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name is unique, also among machines that share the folder. Two writers of one
    # file would truncate each other's published file, which others may have mapped.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
