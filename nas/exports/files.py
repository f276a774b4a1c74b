"""Atomic writes of exported directories: files are flushed to the disk, then the folder renamed."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def copy(source: Path, path: Path) -> None:
    """Copy a file and flush it to the disk."""
    with source.open("rb") as reader, path.open("wb") as writer:
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Yield an empty directory next to `target`, deleted at the end unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    directory = _sibling(target, "part")
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def publish(directory: Path, target: Path) -> None:
    """Rename `directory` to `target`; an existing directory is replaced."""
    if not target.exists():
        directory.rename(target)
    else:
        old = _sibling(target, "old")
        target.rename(old)
        try:
            directory.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync_directory(target.parent)


def _sibling(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{suffix}")
