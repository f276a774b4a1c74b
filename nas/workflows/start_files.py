"""Files of weights that a training starts with: converted, and kept in the results folder."""

from hashlib import sha256
from pathlib import Path

from nas.errors import NasError
from nas.files import write_bytes, write_whole
from nas.space import Architecture, SearchSpace, lower
from nas.store import is_name

FOLDER = "start-weights"  # in the results folder; its files are named by their hashes


def is_start_file(word: str) -> bool:
    """Tell whether a word names a file: it is neither the name of a study nor a trial of one."""
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


def keep_start(content: bytes, results_dir: Path) -> None:
    """Write the weights into the results folder, so that the study can be continued.

    Raises:
        NasError: they cannot be written.
    """
    path = start_path(content_hash(content), results_dir)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda part: write_bytes(part, content))
    except OSError as error:
        raise NasError(
            f"the weights {path} cannot be written: {error.strerror or error}.",
            "Free disk space, or name another folder: --results DIR",
        ) from error


def start_path(digest: str, results_dir: Path) -> Path:
    """Return the path of weights with this hash in a results folder."""
    return results_dir.resolve() / FOLDER / f"{digest}.safetensors"
