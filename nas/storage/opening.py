"""Open storages and files by their texts."""

from functools import cache
from pathlib import Path

from nas.storage.files import File, Storage, is_uri
from nas.storage.folder import FolderStorage
from nas.storage.places import storage_text


def open_storage(text: str) -> Storage:
    """Return the storage at a path or URI; no request is sent yet, except to find a region.

    Raises:
        NasError: as in `storage_text`, or a setting cannot be used.
    """
    return _object_storage(storage_text(text)) if is_uri(text) else FolderStorage(Path(text))


def weights_storage(storage: str | None, results_dir: Path) -> Storage:
    """Return the storage of weights and checkpoints: `storage`, else the results folder.

    The paths of its files are absolute.
    """
    return open_storage(storage or str(results_dir.resolve()))


@cache
def _object_storage(text: str) -> Storage:
    from nas.storage.objects import ObjectStorage  # loads pyarrow

    return ObjectStorage(text)


def file_at(text: str) -> File:
    """Return the file at a path, or at a URI from `StoredFile.text`."""
    if not is_uri(text):
        return Path(text)
    place, mark, query = text.partition("?")
    folder, _, name = place.rpartition("/")
    return open_storage(f"{folder}{mark}{query}").file(name)
