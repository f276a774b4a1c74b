"""Watch over Ray: it notices within seconds that Ray's processes ended, or no longer answer.

Ray itself waits a minute for a lost GCS, and then ends this process with a message of its own; a
lost raylet it only notices when a worker is to start. Nothing here calls Ray while it watches: such
a call would wait as well.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import ray

from nas.errors import RayLostError

_PERIOD_SECONDS = 1.0
_CONNECT_SECONDS = 5.0
_LOCAL_SECONDS = 2.0  # so long nothing listens at a port of our own Ray
_CLUSTER_SECONDS = 30.0  # the GCS of a cluster may be restarted meanwhile
_STALL_SECONDS = 180.0  # without a turn of Ray Tune's loop, which turns ten times a second
_GRACE_SECONDS = 5.0  # for the main thread to notice


class RayWatch:
    """Watches one Ray in a thread, from `start` to `close`.

    `lost` is the error once it is lost. If the main thread has not called `close` some seconds
    later, because it waits for Ray, `on_stuck` is called in the thread.
    """

    def __init__(self, on_stuck: Callable[[RayLostError], None], local: bool) -> None:
        """Watch a Ray of our own if `local`, otherwise one that others run."""
        self.lost: RayLostError | None = None
        self._on_stuck = on_stuck
        self._patience = _LOCAL_SECONDS if local else _CLUSTER_SECONDS
        self._local = local
        self._ports: dict[str, tuple[str, int]] = {}
        self._turned: float | None = None
        self._over = Event()
        self._thread = Thread(target=self._watch, name="nas-ray-watch", daemon=True)

    def start(self) -> None:
        """Start to watch the Ray that this process is connected to."""
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self._ports["control service (GCS)"] = host, int(port)
        for node in ray.nodes():  # type: ignore[no-untyped-call]
            if node["NodeID"] == context.get_node_id():
                address = node["NodeManagerAddress"], node["NodeManagerPort"]
                self._ports["node manager (raylet)"] = address
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    @contextmanager
    def until_lost(self) -> Iterator[None]:
        """Close it at the end of the block; one that noticed a loss waits for the last `close`."""
        try:
            yield
        finally:
            self.rest()
            if self.lost is None:  # our own end of Ray is no loss
                self.close()

    def turn(self) -> None:
        """Note that a loop that calls Ray turns; from now on further turns are expected."""
        self._turned = time.monotonic()

    def rest(self) -> None:
        """Expect no turn until the next one: nothing waits for Ray."""
        self._turned = None

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Expect no turn within the block: it works for the study, or waits for the store."""
        self.rest()
        try:
            yield
        finally:
            self.turn()

    def check(self) -> bool:
        """Tell whether Ray is lost; a port of our own Ray is tried at once."""
        if self.lost is None and self._local:
            for name, address in self._ports.items():
                if refused(address):
                    self.lost = self._ended(name)
        return self.lost is not None

    def _watch(self) -> None:
        heard = dict.fromkeys(self._ports, time.monotonic())
        while self.lost is None and not self._over.wait(_PERIOD_SECONDS):
            for name, address in self._ports.items():
                absent = refused(address)
                if absent is False:
                    heard[name] = time.monotonic()
                patience = self._patience if absent else _CLUSTER_SECONDS
                if time.monotonic() - heard[name] > patience:
                    self.lost = self._ended(name)
            turned = self._turned
            if turned is not None and time.monotonic() - turned > _STALL_SECONDS:
                self.lost = self.lost or _error(f"Ray has not answered for {_STALL_SECONDS:.0f} s.")
        if self.lost is not None and not self._over.wait(_GRACE_SECONDS):
            self._on_stuck(self.lost)

    def _ended(self, name: str) -> RayLostError:
        return _error(f"Ray's {name} has ended or cannot be reached.")


def _error(cause: str) -> RayLostError:
    return RayLostError(cause, "All measurements are kept, and running trials wait again.")


def refused(address: tuple[str, int], seconds: float = _CONNECT_SECONDS) -> bool | None:
    """Tell whether nothing listens there; None if that is unknown, as on a busy machine."""
    try:
        socket.create_connection(address, seconds).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return None
    return False
