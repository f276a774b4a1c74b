"""Storage: files by key below one place, a folder or a prefix of an object store."""

import hashlib
import secrets
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from nas.errors import StorageError
from nas.files import write_bytes, write_whole


class Storage(ABC):
    """Files by key below one place, which `text` names: a path or a URI.

    Raises:
        OSError: a file of a folder cannot be read or written.
        StorageError: the object store cannot be reached, or refuses the request.
    """

    def __init__(self, text: str) -> None:
        """Store the text from which `open_storage` opens this storage."""
        self.text = text

    def __str__(self) -> str:
        """Return the text without the settings of a URI."""
        return self.text.partition("?")[0] if is_uri(self.text) else self.text

    @abstractmethod
    def below(self, folder: str) -> "Storage":
        """Return the storage of a folder in this one; the same place if `folder` is empty."""

    @abstractmethod
    def file(self, key: str) -> "File":
        """Return the file of a key, whether it exists or not."""

    @abstractmethod
    def has(self, key: str) -> bool:
        """Tell whether there is a file of this key."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abstractmethod
    def write(self, key: str, content: bytes) -> str:
        """Write a new file or replace one, durably; return its SHA-256."""

    def make(self) -> None:  # noqa: B027 - an object store does nothing
        """Make the folder itself; an object store has no folders."""

    @abstractmethod
    def create(self, key: str, content: bytes) -> None:
        """Write a file unless it exists; the folder must exist.

        In a folder only one of several concurrent writers succeeds.
        """

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether this place has no files."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file by key, in all folders; empty if there is no such place."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file, if there is one."""

    @abstractmethod
    def remove(self, folder: str) -> None:
        """Delete a folder with its files, if there is one."""

    def probe(self) -> None:
        """Write a file, read it back and delete it.

        Raises:
            StorageError: one of these fails.
        """
        key, content = f".probe-{secrets.token_hex(8)}", secrets.token_bytes(32)
        try:
            self.write(key, content)
            found = self.read(key)
            self.delete(key)
        except OSError as error:
            raise StorageError(
                f"the storage {self} cannot be used: {error.strerror or error}.",
                "Name another storage: --storage PLACE",
            ) from error
        if found != content:
            raise StorageError(
                f"the storage {self} returned other bytes than were written.",
                "Use another storage.",
            )


@dataclass(frozen=True)
class StoredFile:
    """A file of an object store, with the methods of a Path that readers use."""

    storage: Storage
    key: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def text(self) -> str:
        """The URI that `file_at` reads."""
        return joined(self.storage.text, self.key)

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            FileNotFoundError: there is no such file.
            StorageError: the file cannot be read.
        """
        return self.storage.read(self.key)

    def __str__(self) -> str:
        """Return the URI without its settings."""
        return f"{self.storage}/{self.key}"


File: TypeAlias = Path | StoredFile


def is_uri(text: str) -> bool:
    """Tell whether a text is a URI, not a path."""
    return "://" in text


def file_text(file: File) -> str:
    """Return the text that `file_at` reads."""
    return file.text if isinstance(file, StoredFile) else str(file)


def write_file(file: File, content: bytes) -> str:
    """Write a new file or replace one, durably; return its SHA-256.

    Raises:
        OSError: the folder cannot be written.
        StorageError: the object store cannot be reached, or refuses the request.
    """
    if isinstance(file, StoredFile):
        return file.storage.write(file.key, content)
    write_whole(file, lambda part: write_bytes(part, content))
    return hashlib.sha256(content).hexdigest()


def file_sha256(file: File) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    if isinstance(file, StoredFile):
        return hashlib.sha256(file.read_bytes()).hexdigest()
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def joined(text: str, key: str) -> str:
    """Return the URI of a key in the storage with the URI `text`."""
    place, mark, query = text.partition("?")
    return f"{place}/{key}{mark}{query}" if key else text


class FolderStorage(Storage):
    """A folder of this machine, or of a shared file system."""

    def __init__(self, path: Path) -> None:
        """Use the folder `path`; the first write creates it."""
        super().__init__(str(path))
        self.path = path

    def below(self, folder: str) -> "FolderStorage":
        """Return the storage of a folder in this one."""
        return FolderStorage(self.path / folder)

    def file(self, key: str) -> Path:
        """Return the path of a file."""
        return self.path / key

    def has(self, key: str) -> bool:
        """Tell whether there is a file of this key."""
        return self.file(key).is_file()

    def read(self, key: str) -> bytes:
        """Return the content of a file."""
        return self.file(key).read_bytes()

    def write(self, key: str, content: bytes) -> str:
        """Write a file atomically, and wait until it is on the disk."""
        return write_file(self.file(key), content)

    def make(self) -> None:
        """Make the folder and its parents."""
        self.path.mkdir(parents=True, exist_ok=True)

    def create(self, key: str, content: bytes) -> None:
        """Write a file unless it exists."""
        path = self.file(key)
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:  # another writer was faster
            return
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def is_empty(self) -> bool:
        """Tell whether this folder is empty or does not exist."""
        return not self.path.exists() or not any(self.path.iterdir())

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file by key."""
        found = {}
        for path in self.path.rglob("*"):
            with suppress(FileNotFoundError):  # deleted meanwhile
                if not path.is_dir() or path.is_symlink():
                    found[path.relative_to(self.path).as_posix()] = path.lstat().st_size
        return found

    def delete(self, key: str) -> None:
        """Delete a file, if there is one."""
        self.file(key).unlink(missing_ok=True)

    def remove(self, folder: str) -> None:
        """Delete a folder with its files, if there is one."""
        if (self.path / folder).exists():
            shutil.rmtree(self.path / folder)
