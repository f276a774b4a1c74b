"""EndRequest: a file by which the driver asks the workers of its run to save and end.

The file lies in the study's folder of the storage, which every node sees: no call of the cluster
reaches a worker within an epoch.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from nas.errors import StorageError
from nas.storage import Storage, is_uri, open_storage

_PREFIX = "ending-"
LOOK_SECONDS = 0.5  # between two looks at the file
DISTANT_SECONDS = 3.0  # in an object store, where a look takes longer


@dataclass(frozen=True, slots=True)
class EndRequest:
    """The request of one run in the folder `place` of the storage; there is none without `key`.

    A request may be made to some workers only; those that `names` describe are asked by any of the
    names. A storage that cannot be reached has no requests.
    """

    place: str = ""
    key: str = ""
    names: tuple[str, ...] = ()

    def of(self, name: str) -> "EndRequest":
        """Return the request for a worker that `name` describes, too."""
        return replace(self, names=(*self.names, name))

    def make(self, name: str = "") -> None:
        """Ask all workers, or those of a name; a folder that is gone has no workers to ask."""
        with suppress(OSError, StorageError):
            if self.key:
                open_storage(self.place).create(self._file(name), b"")

    def made(self) -> bool:
        """Tell whether the driver asks this worker."""
        if self.key:
            with suppress(OSError, StorageError):
                files = open_storage(self.place)
                return any(files.has(self._file(name)) for name in ("", *self.names))
        return False

    def withdraw(self) -> None:
        """Ask nobody any more."""
        if self.key:
            _delete(open_storage(self.place), self.key)

    def _file(self, name: str) -> str:
        return f"{self.key}-{name}" if name else self.key


def node_name(node: str) -> str:
    """Return the name by which a driver asks the workers of a node to end."""
    return f"node-{node}"


class EndWatch:
    """Looks for a request often, and at its file rarely."""

    def __init__(self, request: EndRequest) -> None:
        """Watch `request`."""
        self._request = request
        self._looked = float("-inf")  # monotonic seconds
        self._seconds = DISTANT_SECONDS if is_uri(request.place) else LOOK_SECONDS

    def __call__(self) -> bool:
        """Tell whether the driver asks; costs a microsecond, and a look at the file at times."""
        now = time.monotonic()
        if now - self._looked < self._seconds:
            return False
        self._looked = now
        return self._request.made()


@contextmanager
def end_request(folder: Storage) -> Iterator[EndRequest]:
    """Yield the request of a run with the study's `folder`; it is withdrawn afterwards.

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
