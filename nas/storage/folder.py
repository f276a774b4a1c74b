"""A folder as a storage."""

import shutil
from contextlib import suppress
from pathlib import Path

from nas.storage.files import Storage, write_file


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
