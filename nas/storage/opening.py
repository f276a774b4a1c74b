"""Open storages and files by their texts, which are checked and recorded in one form."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from nas.errors import NasError
from nas.storage.files import File, FolderStorage, Storage, is_uri


class Keep(StrEnum):
    """The trials whose weights a search keeps: those of the `FRONT`, or `ALL`.

    `FRONT` keeps the trials that no other dominates, the confirmed ones with all their seeds, the
    winner, the published references, and the best ones, which may teach other networks. Weights
    that other studies use are kept too. A study without a search keeps all weights.
    """

    FRONT = "front"
    ALL = "all"


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


_SETTINGS = {
    "s3": ("endpoint_override", "region", "scheme"),
    "gs": ("anonymous", "endpoint_override", "scheme"),
}
_FORMS = "Give a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX."


def storage_text(text: str) -> str:
    """Return the place of a storage as it is recorded: an absolute path, or a checked URI.

    Raises:
        NasError: its kind is unknown, or it has credentials or unknown settings.
    """
    if not is_uri(text):
        return str(Path(text).expanduser().absolute())
    scheme = text.partition("://")[0].lower()
    if scheme == "file":
        return str(Path(text.partition("://")[2]).absolute())
    if scheme not in _SETTINGS:
        raise NasError(f"a storage cannot have a URI of {scheme}://.", _FORMS)
    parts = urlsplit(text)
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check_secrets(scheme, [parts.netloc, *settings.values()])
    unknown = sorted(set(settings) - set(_SETTINGS[scheme]))
    if unknown or parts.fragment:
        raise NasError(
            f"a storage of {scheme}:// has no setting {unknown[0] if unknown else '#'}.",
            f"Its settings are {', '.join(_SETTINGS[scheme])}; credentials come from the "
            "environment.",
        )
    prefix = [part for part in parts.path.split("/") if part]
    if not parts.netloc or {".", ".."} & set(prefix):
        raise NasError(f"{scheme}:// needs a bucket, and a prefix without dots.", _FORMS)
    query = f"?{urlencode(sorted(settings.items()), safe=':/')}" if settings else ""
    return f"{scheme}://{'/'.join([parts.netloc, *prefix])}{query}"


def _check_secrets(scheme: str, texts: list[str]) -> None:
    """Refuse `user:password@`; the message must not contain it."""
    if any("@" in text for text in texts):
        source = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws"
        source = source if scheme == "s3" else "GOOGLE_APPLICATION_CREDENTIALS"
        raise NasError(
            f"the URI of the {scheme}:// storage has credentials, but it is recorded and shown.",
            f"Leave them out; they are read from {source}.",
        )
