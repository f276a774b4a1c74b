"""The cache of decoded images: a worker process starts in a moment, and shares them with others.

One safetensors file for each set of source files, named by a hash of their paths, sizes and times
of change. It is mapped into memory, so that the workers of a machine hold its images once, in pages
that the system may drop and read again. It is written beside its final name and renamed, never
changed in place: a reader never sees half a file, and what is mapped stays as it was when the file
is replaced or deleted.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from nas.files import write_whole
from nas.places import home_folder, is_writable, user_folder
from nas.training.data.images import Source, digest_of
from nas.training.data.task import Split

_VERSION = 2


def cache_dir() -> Path:
    """Return `NAS_CACHE`, else `nas` in `XDG_CACHE_HOME`, else `~/.cache/nas`.

    Where a user has no home, or none that can be written, a folder of the user's own among the
    temporary files.
    """
    if given := os.environ.get("NAS_CACHE"):
        return Path(given)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "nas"
    home = home_folder()
    return (home / ".cache" / "nas") if is_writable(home / ".cache" / "nas") else user_folder()


def cached(files: Iterable[Path], kind: str, read: Callable[[], Source]) -> Source:
    """Return what `read` makes of `files`, from the cache where these files were read before.

    `kind` names the way of reading. Where the cache cannot be written, the images stay in the
    memory of this process, and nothing is kept.
    """
    path = cache_dir() / f"{kind}-{fingerprint(files)}.safetensors"
    if (kept := _mapped(path)) is not None:
        return kept
    source = read()
    if source.digest is None:
        source = replace(source, digest=digest_of(source))
    with contextlib.suppress(OSError, SafetensorError):
        _save(source, path)
    return _mapped(path) or source


def _mapped(path: Path) -> Source | None:
    """Return what the file at `path` holds, None where there is no such file or it is broken."""
    if path.is_file():
        with contextlib.suppress(SafetensorError, OSError, KeyError, json.JSONDecodeError):
            return _load(path)
    return None


def fingerprint(files: Iterable[Path | str]) -> str:
    """Return a name for `files` as they are: their paths, sizes and times of change."""
    digest = hashlib.sha256(f"{_VERSION}".encode())
    folders: dict[str, str] = {}  # resolved once each, for the files may be millions
    for file in sorted(os.fspath(file) for file in files):
        folder, name = os.path.split(file)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        stat = os.stat(file)  # noqa: PTH116
        path = os.fsencode(os.path.join(folders[folder], name))  # noqa: PTH118
        digest.update(b"\n%s %d %d" % (path, stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()[:24]


def _save(source: Source, path: Path) -> None:
    tensors = {}
    for name, part in source.parts.items():
        assert isinstance(part, Split)  # what is streamed is not cached
        tensors[f"{name}.images"] = part.images.contiguous()
        tensors[f"{name}.labels"] = part.labels.contiguous()
    about = {
        "class_names": source.class_names,
        "note": source.note,
        "side": source.side,
        "digest": source.digest,
    }
    metadata = {"source": json.dumps(about)}
    write_whole(path, lambda temporary: save_file(tensors, temporary, metadata))


def _load(path: Path) -> Source:
    """Return the source in `path`; its tensors are pages of the file, read when they are touched.

    Raises:
        SafetensorError, OSError, KeyError, json.JSONDecodeError: there is no whole one.
    """
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["source"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    parts = {
        name: Split(tensors[f"{name}.images"], tensors[f"{name}.labels"])
        for name in ("train", "val", "test")
        if f"{name}.labels" in tensors
    }
    return Source(
        parts["train"],
        parts.get("test"),
        tuple(about["class_names"]),
        about["note"],
        about["side"],
        parts.get("val"),
        about["digest"],
    )
