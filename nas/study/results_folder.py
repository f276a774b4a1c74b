"""The results folder, which holds weights, reports and exports of studies.

Each study has its own subfolder with a file that names its owner, so that two studies of the same
name from two databases never share one. The names of weights files contain the identity of their
study. The record has paths relative to the results folder, so that the folder can be moved. If the
study has a separate storage, its weights are in the subfolder of the same name there.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from nas.errors import NasError, StorageError
from nas.storage import FolderStorage, Storage

OWNER_FILE = "study.json"
_WEIGHTS = re.compile(r"trial-[0-9]+-[0-9]+-([0-9a-f]+)\.safetensors")


def weights_name(number: int, attempt: int, uid: str) -> str:
    """Return the file name for the weights of one attempt at a trial of the study `uid`."""
    return f"trial-{number}-{attempt}-{uid}.safetensors"


def weights_owner(name: str) -> str | None:
    """Return the identity of the study in the name of a weights file; None for another file."""
    found = _WEIGHTS.fullmatch(name)
    return found and found[1]


def checkpoint_folder(number: int) -> str:
    """Return the name of the folder for the checkpoint of a trial, in that of its study."""
    return f"trial-{number}"


def claim_folder(
    results: Path, names: Iterable[str], uid: str, storage: Storage | None = None
) -> str:
    """Make a folder in `results`, and in the `storage`, for the study `uid`; return its name.

    It is the first of `names` whose folder, in both places, belongs to the study, is empty, or
    does not exist.

    Raises:
        OSError: the folder cannot be made.
        NasError: no name is free.
        StorageError: the storage cannot be used.
    """
    tried, places = [], [FolderStorage(results), *([storage] if storage else [])]
    for name in names:
        folders = [place.below(name) for place in places]
        if all(_claimed(folder, uid) for folder in folders):
            return name
        tried.append(str(folders[-1]))
    raise NasError(
        f"{' and '.join(tried)} belong to other studies.", "Give another folder with --results."
    )


def sign_folder(folder: Path | Storage, uid: str) -> None:
    """Record the study `uid` as the owner of a folder without an owner.

    Raises:
        OSError: the folder cannot be written.
    """
    if folder_owner(folder) is None:
        content = json.dumps({"id": uid}) + "\n"
        _storage(folder).create(OWNER_FILE, content.encode())


def folder_owner(folder: Path | Storage) -> str | None:
    """Return the identity of the study that owns a folder; None if there is no owner.

    Returns an empty text if the file of the owner cannot be read; no study may use such a folder.

    Raises:
        StorageError: the storage cannot be reached.
    """
    try:
        document = json.loads(_storage(folder).read(OWNER_FILE))
        return str(document["id"])
    except StorageError:  # which is a ValueError, too
        raise
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find_file(recorded: str, places: Iterable[Path]) -> Path | None:
    """Return the path of a recorded file, searched in the results folders `places` in order.

    Records of earlier versions have absolute paths.
    """
    path = Path(recorded)
    tried = [path] if path.is_absolute() else [place / path for place in places]
    return next((file for file in tried if file.is_file()), None)


def folder_size(folder: Path) -> int:
    """Return the number of bytes of the files in a folder; 0 if there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except OSError:  # deleted meanwhile
            continue
    return total


def _storage(folder: Path | Storage) -> Storage:
    return FolderStorage(folder) if isinstance(folder, Path) else folder


def _claimed(folder: Storage, uid: str) -> bool:
    """Tell whether a folder belongs to the study; an empty folder is claimed for it."""
    folder.make()
    if folder_owner(folder) is None and folder.is_empty():
        sign_folder(folder, uid)
    return folder_owner(folder) == uid
