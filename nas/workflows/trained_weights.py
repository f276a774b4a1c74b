"""The weights of trials, and the files of weights that a training starts with."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError, WeightsError
from nas.space import Architecture, SearchSpace, lower
from nas.storage import File, Storage, open_storage
from nas.store import Store, is_name
from nas.study import StudySpec, Trial

if TYPE_CHECKING:
    from nas.training import Session, Task


def trial_weights(store: Store, spec: StudySpec, trial: Trial) -> File:
    """Return the file of a trial's weights; the code that loads them compares their hash.

    Raises:
        WeightsError: they are missing, or were removed after the study.
        StorageError: the storage cannot be reached.
    """
    check_kept(spec.name, trial, store.command)
    file = store.weights_file(spec.name, trial)
    if file is None:
        storage = store.storage(spec.name)
        place = f"the storage {open_storage(storage)}" if storage else "the results folder"
        remedy = f"name the place of the copy: {store.command('db relocate OLD NEW')}"
        raise WeightsError(
            f"the weights of trial {trial.number} are missing: there is no {trial.weights_path} in "
            f"{place}.",
            f"Restore the folder, or {remedy if storage else 'name it: --results DIR'}",
        )
    return file


def check_kept(study: str, trial: Trial, command: Callable[[str], str] = "nas {}".format) -> None:
    """Refuse to use weights that were removed after their study.

    Raises:
        WeightsError: they were removed; the remedy is to train the network again.
    """
    if trial.weights_removed_at is None:
        return
    raise WeightsError(
        f"the weights of trial {trial.number} of {study} were removed when the study ended, on "
        f"{trial.weights_removed_at:%Y-%m-%d}: it keeps those of its front, of the confirmed "
        "networks and of the best five.",
        f"Train the network again: {command(f'train {study} --trial {trial.number}')}. A search "
        "with --keep all keeps every trial's weights.",
    )


def trained_session(store: Store, spec: StudySpec, task: "Task", trial: Trial) -> "Session":
    """Return the session of a trial with its trained weights, to measure it.

    Raises:
        WeightsError: they are missing or changed.
    """
    from nas.training import Session, default_device, read_recipe

    layers = spec.task_layers(trial.architecture, task.input, task.outputs)
    recipe = read_recipe(spec.recipe, "the study's recipe")
    epochs = spec.ladder.max_epochs
    session = Session(layers, task, recipe, epochs, trial.seed, default_device())
    session.load_weights(trial_weights(store, spec, trial), trial.weights_sha256)
    return session


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
