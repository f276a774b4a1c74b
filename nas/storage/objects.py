"""A part of an object store, by the file systems of pyarrow."""

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pyarrow
from pyarrow import fs

from nas.errors import StorageError
from nas.storage.files import Storage, StoredFile, joined

T = TypeVar("T")

LIMIT_SECONDS = 120.0  # timeout of a call; pyarrow has none for a server that does not answer
PROBE_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_TRIES = 3  # attempts of the library at each request
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")

_ERRORS = (OSError, pyarrow.ArrowException)

# Words in the errors of the libraries, and the cause to report.
_CAUSES = (
    (("NO_SUCH_BUCKET", "NoSuchBucket"), "there is no such bucket"),
    (("ACCESS_DENIED", "AccessDenied", "PERMISSION_DENIED"), "access is denied"),
    (
        ("INVALID_ACCESS_KEY_ID", "InvalidAccessKeyId", "SIGNATURE_DOES_NOT_MATCH",
         "SignatureDoesNotMatch", "UNAUTHENTICATED", "InvalidClientTokenId", "EXPIRED_TOKEN"),
        "the credentials are refused",
    ),
    (("NETWORK_CONNECTION", "UNAVAILABLE", "curlCode"), "its endpoint cannot be reached"),
)  # fmt: skip


class ObjectStorage(Storage):
    """A prefix of a bucket.

    Each write is read back and compared, so that a recorded file has certainly been stored.
    """

    def __init__(self, text: str, system: Any = None) -> None:
        """Use the bucket and the prefix of a URI from `storage_text`.

        `system` is a file system of pyarrow to use instead of the one of the URI.

        Raises:
            StorageError: a setting cannot be used, or the region of the bucket is not found.
        """
        super().__init__(text)
        parts = urlsplit(text)
        self._bucket = parts.netloc
        self._root = f"{parts.netloc}{parts.path}"
        self._system = system if system is not None else _system(text)

    def below(self, folder: str) -> "ObjectStorage":
        """Return the storage of a folder in this one, on the same connection."""
        return ObjectStorage(joined(self.text, folder), self._system)

    def file(self, key: str) -> StoredFile:
        """Return the object of a key."""
        return StoredFile(self, key)

    def has(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        info = self._call(lambda: self._system.get_file_info(self._path(key)))
        return bool(info.type == fs.FileType.File)

    def read(self, key: str) -> bytes:
        """Return the content of an object."""

        def read() -> bytes:
            with self._system.open_input_stream(self._path(key)) as stream:
                return bytes(stream.read())

        return self._call(read)

    def write(self, key: str, content: bytes) -> str:
        """Write an object, read it back and compare it; return its SHA-256."""

        def write() -> None:
            with self._system.open_output_stream(self._path(key)) as stream:
                stream.write(content)

        self._call(write)
        digest = hashlib.sha256(content).hexdigest()
        if hashlib.sha256(self.read(key)).hexdigest() != digest:
            raise StorageError(
                f"{self}/{key} is not stored as it was written.", "Use another storage."
            )
        return digest

    def create(self, key: str, content: bytes) -> None:
        """Write an object unless it exists; of two concurrent writes, the last one remains."""
        if not self.has(key):
            self.write(key, content)

    def is_empty(self) -> bool:
        """Tell whether this place has no objects."""
        return not self.sizes()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each object by key."""
        chosen = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        found = self._call(lambda: self._system.get_file_info(chosen))
        start = len(self._root) + 1
        return {each.path[start:]: each.size for each in found if each.type == fs.FileType.File}

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""

        def delete() -> None:
            try:
                self._system.delete_file(self._path(key))
            except FileNotFoundError:
                return

        self._call(delete)

    def remove(self, folder: str) -> None:
        """Delete the objects of a folder, if there are any."""

        def remove() -> None:
            try:
                self._system.delete_dir(self._path(folder))
            except FileNotFoundError:
                return

        self._call(remove)

    def probe(self) -> None:
        """Check the bucket; write an object, read it back and delete it."""
        info = self._call(lambda: self._system.get_file_info(self._bucket), PROBE_SECONDS)
        if info.type == fs.FileType.NotFound:
            raise self._error("there is no such bucket")
        super().probe()

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _call(self, work: Callable[[], T], seconds: float = LIMIT_SECONDS) -> T:
        """Return the result of a call of pyarrow.

        Raises:
            FileNotFoundError: there is no such object.
            StorageError: the call fails, or takes longer than `seconds`.
        """
        failure: Exception
        try:
            return _within(seconds, work)
        except FileNotFoundError as error:
            if "NO_SUCH_BUCKET" not in str(error):
                raise
            failure = error
        except _ERRORS as error:
            failure = error
        raise self._error(_cause(failure)) from None  # the original text may have credentials

    def _error(self, cause: str) -> StorageError:
        return StorageError(
            f"the storage {self} cannot be used: {cause}.",
            "Check the bucket, the endpoint and the credentials.",
        )


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of a call that may hang.

    Raises:
        TimeoutError: the call takes longer than `seconds`; its thread continues.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"it has not answered for {seconds:.0f} s")
    return results[0]


def _cause(error: Exception) -> str:
    """Return the cause of an error of pyarrow, or else its first line, without credentials."""
    text = str(error)
    for words, cause in _CAUSES:
        if any(word in text for word in words):
            return cause
    for name in _SECRETS:
        if value := os.environ.get(name):
            text = text.replace(value, "…")
    return (text.strip().splitlines() or ["unknown error"])[0][:160].rstrip(".")


def _system(text: str) -> Any:
    """Return the file system of a URI.

    Raises:
        StorageError: a setting cannot be used, or the region of a bucket is not found.
    """
    parts = urlsplit(text)
    given: dict[str, Any] = dict(parse_qsl(parts.query))
    scheme, mark, host = str(given.get("endpoint_override", "")).partition("://")
    if mark:
        given = {"scheme": scheme, **given, "endpoint_override": host.rstrip("/")}
    try:
        if parts.scheme == "s3":
            if not {"region", "endpoint_override"} & given.keys() and not _region():
                bucket = parts.netloc
                given["region"] = _within(PROBE_SECONDS, lambda: fs.resolve_s3_region(bucket))
            tries = fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES)
            return fs.S3FileSystem(**given, connect_timeout=_CONNECT_SECONDS, retry_strategy=tries)
        anonymous = str(given.pop("anonymous", "")).lower() in ("1", "true")
        limit = timedelta(seconds=_CONNECT_SECONDS * _TRIES)
        return fs.GcsFileSystem(anonymous=anonymous, **given, retry_time_limit=limit)
    except (ValueError, *_ERRORS) as error:
        shown = f"{parts.scheme}://{parts.netloc}"
        raise StorageError(
            f"the storage {shown} cannot be used: {_cause(error)}.",
            "Check the bucket and the settings of its URI.",
        ) from None


def _region() -> bool:
    return bool(os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))
