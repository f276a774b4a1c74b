"""EndRequest: a file by which the driver asks the workers of its run to save and end.

The file lies in the study's folder, which every node sees: no call of the cluster reaches a worker
within an epoch.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

_PREFIX = "ending-"
LOOK_SECONDS = 0.5  # between two looks at the file


@dataclass(frozen=True, slots=True)
class EndRequest:
    """The request of one run; there is none if `path` is empty.

    A request may be made to some workers only; those that `names` describe are asked by any of the
    names.
    """

    path: str = ""
    names: tuple[str, ...] = ()

    def of(self, name: str) -> "EndRequest":
        """Return the request for a worker that `name` describes, too."""
        return replace(self, names=(*self.names, name))

    def make(self, name: str = "") -> None:
        """Ask all workers, or those of a name; a folder that is gone has no workers to ask."""
        with suppress(OSError):
            Path(self._file(name)).touch(exist_ok=True)

    def made(self) -> bool:
        """Tell whether the driver asks this worker."""
        return bool(self.path) and any(Path(self._file(n)).exists() for n in ("", *self.names))

    def withdraw(self) -> None:
        """Ask nobody any more."""
        path = Path(self.path)
        with suppress(OSError):
            for left in path.parent.glob(f"{path.name}*"):
                left.unlink(missing_ok=True)

    def _file(self, name: str) -> str:
        return f"{self.path}-{name}" if name else self.path


def node_name(node: str) -> str:
    """Return the name by which a driver asks the workers of a node to end."""
    return f"node-{node}"


class EndWatch:
    """Looks for a request often, and at its file rarely."""

    def __init__(self, request: EndRequest) -> None:
        """Watch `request`."""
        self._request = request
        self._looked = float("-inf")  # monotonic seconds

    def __call__(self) -> bool:
        """Tell whether the driver asks; costs a microsecond, and a look at the file each 0.5 s."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        return self._request.made()


@contextmanager
def end_request(folder: Path) -> Iterator[EndRequest]:
    """Yield the request of a run with the study's `folder`; it is withdrawn afterwards.

    Requests of drivers that were killed are deleted.
    """
    with suppress(OSError):
        for left in folder.glob(f"{_PREFIX}*"):
            left.unlink(missing_ok=True)
    request = EndRequest(str(folder / f"{_PREFIX}{secrets.token_hex(4)}"))
    try:
        yield request
    finally:
        request.withdraw()
