"""EndRequest: a file by which the driver asks the workers of its run to save and end.

The file is in the study's folder of the storage, which every node can read. A remote call would
reach a worker only at the end of an epoch.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from nas.errors import StorageError
from nas.storage import Storage, is_uri, open_storage

_PREFIX = "ending-"
LOOK_SECONDS = 0.5  # between two checks of the file
DISTANT_SECONDS = 3.0  # the same in an object store, where a check takes longer


@dataclass(frozen=True, slots=True)
class EndRequest:
    """The request of one run in the folder `place` of the storage; it needs a `key` to be made.

    A request is made to all workers, or to those with a given name; `names` are the names of the
    worker that holds this object. A storage that cannot be reached has no requests.
    """

    place: str = ""
    key: str = ""
    names: tuple[str, ...] = ()

    def of(self, name: str) -> "EndRequest":
        """Return the request for a worker with the further `name`."""
        return replace(self, names=(*self.names, name))

    def make(self, name: str = "") -> None:
        """Ask all workers, or those with `name`; do nothing if the storage cannot be written."""
        with suppress(OSError, StorageError):
            if self.key:
                open_storage(self.place).create(self._file(name), b"")

    def made(self) -> bool:
        """Tell whether the driver has asked this worker to end."""
        if self.key:
            with suppress(OSError, StorageError):
                files = open_storage(self.place)
                return any(files.has(self._file(name)) for name in ("", *self.names))
        return False

    def withdraw(self) -> None:
        """Delete the request, for all names."""
        if self.key:
            _delete(open_storage(self.place), self.key)

    def _file(self, name: str) -> str:
        return f"{self.key}-{name}" if name else self.key


def node_name(node: str) -> str:
    """Return the name by which a driver asks the workers of a node to end."""
    return f"node-{node}"


class EndWatch:
    """A check for a request that may be called often: it limits the accesses to the file."""

    def __init__(self, request: EndRequest) -> None:
        """Watch `request`."""
        self._request = request
        self._checked = float("-inf")  # monotonic seconds
        self._seconds = DISTANT_SECONDS if is_uri(request.place) else LOOK_SECONDS

    def __call__(self) -> bool:
        """Tell whether the driver asks; most calls take a microsecond and do not read the file."""
        now = time.monotonic()
        if now - self._checked < self._seconds:
            return False
        self._checked = now
        return self._request.made()


@contextmanager
def end_request(folder: Storage) -> Iterator[EndRequest]:
    """Yield the request of a run in the study's `folder`; it is withdrawn afterwards.

    Requests of drivers that were killed are deleted.
    """
    _delete(folder, _PREFIX)
    request = EndRequest(folder.text, f"{_PREFIX}{secrets.token_hex(4)}")
    try:
        yield request
    finally:
        request.withdraw()


def _delete(folder: Storage, prefix: str) -> None:
    with suppress(OSError, StorageError):
        for key in folder.sizes():
            if key.startswith(prefix):
                folder.delete(key)
