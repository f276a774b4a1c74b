"""Storage: the results folder, where weights, reports and exports of studies lie.

Each study has a folder of its own in it, with a file that names its owner: two studies of one name,
from two databases, never share one. Files of weights carry the identity of their study as well, and
the record has their paths relative to the results folder, so that it can be moved.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from nas.errors import NasError

OWNER_FILE = "study.json"


def weights_name(number: int, attempt: int, uid: str) -> str:
    """Return the file name for the weights of one attempt at a trial of the study `uid`."""
    return f"trial-{number}-{attempt}-{uid}.safetensors"


def claim_folder(results: Path, names: Iterable[str], uid: str) -> str:
    """Make a folder in `results` that belongs to the study `uid`; return its name.

    It is the first of `names` that the study has already, or that does not exist or is empty.

    Raises:
        OSError: it cannot be made.
        NasError: none of the names is free.
    """
    tried = []
    for name in names:
        folder = results / name
        folder.mkdir(parents=True, exist_ok=True)
        if folder_owner(folder) is None and not any(folder.iterdir()):
            _sign(folder, uid)
        if folder_owner(folder) == uid:
            return name
        tried.append(str(folder))
    raise NasError(
        f"{' and '.join(tried)} belong to other studies.", "Give another folder with --results."
    )


def sign_folder(folder: Path, uid: str) -> None:
    """Enter the study `uid` as the owner of a folder that has none.

    Raises:
        OSError: the folder cannot be written.
    """
    if folder_owner(folder) is None:
        _sign(folder, uid)


def folder_owner(folder: Path) -> str | None:
    """Return the identity of the study that a folder belongs to; None where it names none.

    It is empty where the file cannot be read: the folder is then nobody's to take.
    """
    try:
        document = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
        return str(document["id"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find_file(recorded: str, places: Iterable[Path]) -> Path | None:
    """Return where a file of the record lies, looked for in the results folders `places` in turn.

    Records of earlier versions have absolute paths; where nothing is there any more, the file is
    looked for in the folder of that name in each place.
    """
    path = Path(recorded)
    if path.is_absolute():
        tried = [path, *(place / path.parent.name / path.name for place in places)]
    else:
        tried = [place / path for place in places]
    return next((file for file in tried if file.is_file()), None)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_size(folder: Path) -> int:
    """Return how many bytes the files in a folder have; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except OSError:  # gone meanwhile
            continue
    return total


def _sign(folder: Path, uid: str) -> None:
    path = folder / OWNER_FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps({"id": uid}) + "\n")
    except FileExistsError:  # another study was faster
        return
    except OSError:
        path.unlink(missing_ok=True)
        raise
