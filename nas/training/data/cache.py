"""The cache of decoded images: worker processes start quickly, and share the images.

There is one safetensors file for each set of source files; its name has a hash of their paths,
sizes and modification times. It is mapped into memory, so that all workers of a machine share its
pages, which the system can drop and read again. It is written under a temporary name and renamed,
never changed in place: a reader never sees a partial file, and a mapped file keeps its content when
it is replaced or deleted.
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
from nas.training.data.images import ImageSource, digest_of
from nas.training.data.task import Split
from nas.user_folders import home_folder, is_writable, user_folder

_VERSION = 2


def cache_dir() -> Path:
    """Return `NAS_CACHE`, else `nas` in `XDG_CACHE_HOME`, else `~/.cache/nas`.

    If the home folder is missing or not writable, it is a folder of the user among the temporary
    files.
    """
    if given := os.environ.get("NAS_CACHE"):
        return Path(given)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "nas"
    home = home_folder()
    return (home / ".cache" / "nas") if is_writable(home / ".cache" / "nas") else user_folder()


def cached(files: Iterable[Path], kind: str, read: Callable[[], ImageSource]) -> ImageSource:
    """Return the result of `read` for `files`, from the cache if they were read before.

    `kind` identifies the way of reading. If the cache is not writable, the images stay in the
    memory of this process only.
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


def _mapped(path: Path) -> ImageSource | None:
    """Return the source in the file at `path`, None if it is missing or broken."""
    if path.is_file():
        with contextlib.suppress(SafetensorError, OSError, KeyError, json.JSONDecodeError):
            return _load(path)
    return None


def fingerprint(files: Iterable[Path | str]) -> str:
    """Return a name for the current state of `files`: paths, sizes and modification times."""
    digest = hashlib.sha256(f"{_VERSION}".encode())
    folders: dict[str, str] = {}  # each resolved once: there may be millions of files
    for file in sorted(os.fspath(file) for file in files):
        folder, name = os.path.split(file)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        stat = os.stat(file)  # noqa: PTH116
        path = os.fsencode(os.path.join(folders[folder], name))  # noqa: PTH118
        digest.update(b"\n%s %d %d" % (path, stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()[:24]


def _save(source: ImageSource, path: Path) -> None:
    tensors = {}
    for name, part in source.parts.items():
        assert isinstance(part, Split)  # streamed images are not cached
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


def _load(path: Path) -> ImageSource:
    """Return the source in `path`; its tensors are pages of the file, loaded on access.

    Raises:
        SafetensorError, OSError, KeyError, json.JSONDecodeError: there is no complete file.
    """
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["source"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    parts = {
        name: Split(tensors[f"{name}.images"], tensors[f"{name}.labels"])
        for name in ("train", "val", "test")
        if f"{name}.labels" in tensors
    }
    return ImageSource(
        parts["train"],
        parts.get("test"),
        tuple(about["class_names"]),
        about["note"],
        about["side"],
        parts.get("val"),
        about["digest"],
    )
