"""Examples: pictures of the outputs of trained networks for some images, in folders of studies."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from nas.results import Picture, Pictures, StudyResults
from nas.store.file_record import FileRecord

EXAMPLES_REPORT = "examples"  # kind of the report that names a trial's files, with their hashes
EXAMPLES_FOLDER = "examples"  # folder of the files, in the folder of the study


def example_entry(file: str, picture: Picture) -> dict[str, str]:
    """Return the record of a picture that is written to `file`."""
    digest = sha256(picture.content).hexdigest()
    return {"file": file, "image": picture.name, "sha256": digest}


def read_examples(store: FileRecord, found: StudyResults, number: int) -> Pictures | None:
    """Return the pictures of a network; None if none are recorded.

    Files that are missing or changed are left out.

    Raises:
        StoreError: the database cannot be read.
    """
    kept = [found.reports.get(own.number, {}).get(EXAMPLES_REPORT) for own in found.own(number)]
    record = next((each for each in kept if each), None)
    if record is None:
        return None
    folders = store.folders(found.spec.name)
    found_files = (_read(folders, entry) for entry in record["files"])
    return Pictures(record["caption"], tuple(each for each in found_files if each))


def _read(folders: Sequence[Path], entry: dict[str, Any]) -> Picture | None:
    for folder in folders:
        try:
            content = (folder / EXAMPLES_FOLDER / Path(entry["file"]).name).read_bytes()
        except OSError:
            continue
        if sha256(content).hexdigest() == entry["sha256"]:
            return Picture(entry["image"], content)
    return None
