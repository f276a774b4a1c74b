"""Files with the initial weights of a training: converted, and kept in the storage of weights."""

from hashlib import sha256
from pathlib import Path

from nas.errors import NasError
from nas.space import Architecture, SearchSpace, lower
from nas.storage import File, Storage
from nas.store import is_name

_FOLDER = "start-weights"  # in the storage; its files are named by their hashes


def is_start_file(word: str) -> bool:
    """Tell whether a word names a file, and not a study or a trial."""
    study, _, number = word.rpartition("#")
    return not is_name(study if study and number.isdecimal() else word)


def start_content(file: str, space: SearchSpace, architecture: Architecture) -> bytes:
    """Return the weights in `file` for the backbone of a network, as a safetensors file.

    Raises:
        NasError: the file cannot be read, or is of another network.
    """
    from nas.training import foreign_weights  # loads torch

    layers = lower(space, architecture, space.deployment, space.classes)
    return foreign_weights(Path(file), layers)


def content_hash(content: bytes) -> str:
    """Return the hash of the content of a file."""
    return sha256(content).hexdigest()


def keep_start(content: bytes, storage: Storage) -> None:
    """Write the weights into the storage, where workers and a resumed study find them.

    Raises:
        NasError: they cannot be written.
    """
    folder = storage.below(_FOLDER)
    try:
        folder.make()
        folder.write(_key(content_hash(content)), content)
    except OSError as error:
        raise NasError(
            f"the weights cannot be written to {folder}: {error.strerror or error}.",
            "Free disk space, or name another folder: --results DIR",
        ) from error


def find_start(digest: str, storage: Storage) -> File | None:
    """Return the kept weights with this hash; None if there are none."""
    folder, key = storage.below(_FOLDER), _key(digest)
    return folder.file(key) if folder.has(key) else None


def _key(digest: str) -> str:
    return f"{digest}.safetensors"
