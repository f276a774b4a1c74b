"""A thread that notices within seconds that Ray's processes have ended or no longer answer.

Ray itself waits a minute for a lost GCS, and then ends this process with its own message; it
notices a lost raylet only when it starts a worker. The thread does not call Ray, because such a
call would wait, too.
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
_LOCAL_SECONDS = 2.0  # a local Ray is lost if nothing listens at a port for this time
_CLUSTER_SECONDS = 30.0  # the same for a cluster, whose GCS may be restarted
_STALL_SECONDS = 180.0  # limit for an iteration of Ray Tune's loop, which usually takes 0.1 s
_GRACE_SECONDS = 5.0  # time for the main thread to notice the loss


class RayWatch:
    """Watches one Ray in a thread, from `start` to `close`.

    `lost` is the error after Ray was lost. If the main thread does not call `close` within some
    seconds, because it waits for Ray, `on_stuck` is called in the thread.
    """

    def __init__(self, on_stuck: Callable[[RayLostError], None], local: bool) -> None:
        """Watch a Ray that this process started if `local`, otherwise a cluster."""
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
        """Close at the end of the block, before Ray is ended; after a loss, keep watching."""
        try:
            yield
        finally:
            self.rest()
            if self.lost is None:  # this process ends Ray next, which is not a loss
                self.close()

    def turn(self) -> None:
        """Record an iteration of a loop that calls Ray; further calls are then expected."""
        self._turned = time.monotonic()

    def rest(self) -> None:
        """Expect no `turn` until the next one, because the main thread does not wait for Ray."""
        self._turned = None

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Expect no `turn` within the block, in which the main thread does other work."""
        self.rest()
        try:
            yield
        finally:
            self.turn()

    def check(self) -> bool:
        """Tell whether Ray is lost; the ports of a local Ray are tried at once."""
        if self.lost is None and self._local:
            for name, address in self._ports.items():
                if refused(address):
                    self.lost = self._ended(name)
        return self.lost is not None

    def _watch(self) -> None:
        answered = dict.fromkeys(self._ports, time.monotonic())
        while self.lost is None and not self._over.wait(_PERIOD_SECONDS):
            for name, address in self._ports.items():
                absent = refused(address)
                if absent is False:
                    answered[name] = time.monotonic()
                patience = self._patience if absent else _CLUSTER_SECONDS
                if time.monotonic() - answered[name] > patience:
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
    """Tell whether no process listens at `address`; None if unknown, as on a busy machine."""
    try:
        socket.create_connection(address, seconds).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return None
    return False
