"""Connection to Ray: to a local Ray that this process starts, or to a running cluster."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import ray
from ray.exceptions import RayError

from nas.errors import NasError
from nas.interruption import postponed, rearm
from nas.tuner.local_ray import LocalRay, environment, job_environment, surroundings, take
from nas.tuner.local_ray import started_ahead as local_started_ahead
from nas.tuner.room import node_resources
from nas.tuner.scratch import make_scratch, remove_scratch, sweep

__all__ = [
    "cluster_nodes",
    "connected",
    "environment",
    "joined",
    "knock",
    "ray_resources",
    "started_ahead",
    "sweep",
    "unprotected_note",
]

_CONNECT_SECONDS = 5.0
_PROBE_SECONDS = 20.0
_PROBE = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level=50)"
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_TOKEN_WORDS = ("InvalidAuthToken", "AuthenticationError", "Unauthenticated")


@contextmanager
def connected(address: str | None) -> Iterator[Path]:
    """Yield a scratch directory, with a connection to Ray: a local one if `address` is None.

    A local Ray from `started_ahead` is used if there is one. If this process is already connected
    to a Ray, that one is used and left running.

    Raises:
        NasError: the cluster at `address` cannot be reached.
    """
    sweep()
    with surroundings(address):
        local = take() if address is None else None
        if address is None and (local is not None or not ray.is_initialized()):
            try:
                with postponed():
                    local = local or LocalRay()
                local.wait()
                yield local.scratch
            finally:
                if local is not None:
                    with postponed():
                        local.stop()
        else:
            with _joined(address) as scratch:
                yield scratch


@contextmanager
def _joined(address: str | None) -> Iterator[Path]:
    """Yield a scratch directory, connected to the cluster at `address` unless already connected."""
    scratch, ours = make_scratch(), not ray.is_initialized()
    try:
        if ours and address is not None:
            _join(address, scratch)
        yield scratch
    finally:
        if ours:
            ray.shutdown()
            rearm()
        remove_scratch(scratch)


def unprotected_note(address: str | None) -> str | None:
    """Return a warning about a cluster that this process joins without a token; None otherwise."""
    mode = os.environ.get("RAY_AUTH_MODE", "").lower()
    tokens = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
    file = Path("~/.ray/auth_token").expanduser()
    known = any(map(os.environ.get, tokens)) or file.exists()
    if address is None or mode == "token" or (mode != "disabled" and known):
        return None
    return (
        f"note: the Ray cluster at {address} needs no token: anyone who reaches its ports can run "
        "code. Start it with RAY_AUTH_MODE=token."
    )


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Stay connected to the cluster at `address` in the block; do nothing if it is None.

    Raises:
        NasError: the cluster cannot be reached.
    """
    if address is None:
        yield
        return
    with connected(address):
        yield


@contextmanager
def started_ahead(address: str | None) -> Iterator[None]:
    """Start a local Ray in the background, for the first `connected` in the block.

    With an `address`, the cluster is joined at once, and left at the end of the block.

    Raises:
        NasError: the cluster cannot be reached.
    """
    with joined(address) if address is not None else local_started_ahead():
        yield


def ray_resources(address: str | None) -> dict[str, float]:
    """Connect as for a study, and return Ray's resources by name, such as CPU and GPU.

    Raises:
        NasError: the cluster cannot be reached, or refuses the token.
    """
    with connected(address):
        return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def cluster_nodes(address: str) -> list[tuple[float, float]]:
    """Return the CPUs and GPUs of each node of a cluster that can run trials.

    Raises:
        NasError: the cluster cannot be reached, or refuses the token.
    """
    knock(address)  # `connected` does not check the address if this process is already connected
    with connected(address):
        return node_resources()


def knock(address: str) -> None:
    """Check within seconds that a process listens at the address of a cluster; accept "auto".

    Raises:
        NasError: no process listens there, or the address is invalid or of an unsupported kind.
    """
    if "://" in address:
        raise NasError(
            f"{address} is a Ray Client address, which cannot be used to write the store.",
            "Run nas on a node of the cluster, with --ray-address HOST:6379 or auto.",
        )
    if address == "auto":
        return
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 2**16:
        raise NasError(
            f"{address!r} is not the address of a Ray cluster.",
            "Type --ray-address HOST:6379, or auto for the cluster of this machine.",
        )
    try:  # Ray would wait for minutes
        host = found["host"].strip("[]")
        socket.create_connection((host, int(found["port"])), _CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, error) from error


def _check_token(address: str) -> None:
    """Join the cluster in a child process, which is killed as soon as the token is refused.

    In this process Ray would retry for 20 s, and then report only that it failed to connect.

    Raises:
        NasError: there is no token, or a wrong one.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _PROBE, address], stderr=subprocess.PIPE, text=True, errors="replace"
    )
    deadline = Timer(_PROBE_SECONDS, process.kill)
    deadline.start()
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if any(words in line for words in _TOKEN_WORDS):
                raise NasError(
                    f"the Ray cluster at {address} refuses the token of this process, or there is "
                    "none.",
                    "Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to the token of the cluster (type "
                    "`ray get-auth-token` on it), or copy it to ~/.ray/auth_token.",
                )
    finally:
        deadline.cancel()
        process.kill()
        process.wait()


def _join(address: str, scratch: Path) -> None:
    knock(address)
    _check_token(address)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            runtime_env=job_environment(scratch),
        )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> NasError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return NasError(
        f"no Ray cluster answers at {address}: {reason}.",
        "Start one with `ray start --head`, or leave --ray-address out to run on this machine.",
    )
