"""Connection to Ray: a local one of our own, or a running cluster; and its capacity."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import ray
from ray.exceptions import RayError

from nas.errors import NasError
from nas.interruption import rearm
from nas.tuner.local_ray import LocalRay, away_from_files, environment, surroundings, take
from nas.tuner.scratch import make_scratch, remove_scratch, sweep

__all__ = [
    "capacity",
    "check_fraction",
    "connected",
    "environment",
    "knock",
    "ray_resources",
    "sweep",
    "too_small",
]

_CONNECT_SECONDS = 5.0
_CAPACITY_SECONDS = 5.0
_PROBE_SECONDS = 20.0
_PROBE = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level=50)"
_TOKEN_WORDS = ("InvalidAuthToken", "AuthenticationError", "Unauthenticated")
_LARGEST_REST = 0.05  # of a GPU that is divided into shares


@contextmanager
def connected(address: str | None) -> Iterator[Path]:
    """Yield a scratch directory, with Ray running: our own local one where `address` is None.

    A local Ray that `started_ahead` has begun to start is taken over. If this process is already
    connected to a Ray, that one is used and left running.

    Raises:
        NasError: the cluster at `address` cannot be reached.
    """
    sweep()
    with surroundings(address):
        local = take() if address is None else None
        if address is None and (local is not None or not ray.is_initialized()):
            local = local or LocalRay()
            try:
                local.wait()
                yield local.scratch
            finally:
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


def capacity(cpus: float, gpus: float, most: int | None) -> Callable[[], int]:
    """Return a function: how many trials of `cpus` and `gpus` fit now, at most `most`.

    The result follows a growing or shrinking cluster within seconds.

    Raises:
        NasError: not even one fits now.
    """
    if cpus < 0 or gpus < 0 or cpus + gpus <= 0 or (most is not None and most < 1):
        raise NasError(
            f"{cpus:g} CPUs and {gpus:g} GPUs for each of {most or 'all'} trials: not positive.",
            "Give positive numbers, such as --cpus-per-trial 1.",
        )
    check_fraction(gpus)
    known = (time.monotonic(), _fits(cpus, gpus))
    if known[1] < 1:
        have = _resources()
        raise too_small((cpus, gpus), (have.get("CPU", 0), have.get("GPU", 0)))

    def now() -> int:
        nonlocal known
        if time.monotonic() - known[0] > _CAPACITY_SECONDS:
            known = (time.monotonic(), _fits(cpus, gpus))
        return known[1] if most is None else min(known[1], most)

    return now


def check_fraction(gpus: float) -> None:
    """Refuse a number or share of GPUs that leaves a large rest.

    A trial gets its share from one GPU: with 0.4 each, two fit, and a fifth is unused.

    Raises:
        NasError: more than 5 % of a GPU would be unused, or a number above one is not an integer.
    """
    if gpus > 1 and gpus != int(gpus):
        raise NasError(
            f"{gpus:g} GPUs for each trial: more than one must be a whole number.",
            f"Type --gpus-per-trial {int(gpus)} or {int(gpus) + 1}.",
        )
    if not 0 < gpus < 1:
        return
    fit = _shares(gpus)
    if 1 - fit * gpus > _LARGEST_REST:
        raise NasError(
            f"{fit} trials of {gpus:g} fit on a GPU, which leaves {1 - fit * gpus:.0%} of it "
            "unused.",
            f"Type --gpus-per-trial {int(1000 / fit) / 1000:g} for {fit} at a time, or "
            f"{int(1000 / (fit + 1)) / 1000:g} for {fit + 1}.",
        )


def _shares(gpus: float) -> int:
    """Return how many trials of `gpus` fit on one GPU; Ray counts in ten-thousandths."""
    return int(1 / gpus + 1e-9)


def too_small(wants: tuple[float, float], have: tuple[float, float]) -> NasError:
    """Return the error for a trial that needs more (CPUs, GPUs) than available."""
    return NasError(
        f"a trial needs {wants[0]:g} CPUs and {wants[1]:g} GPUs, but there are {have[0]:g} and "
        f"{have[1]:g}.",
        "Lower --cpus-per-trial or --gpus-per-trial (fractions are allowed).",
    )


def _fits(cpus: float, gpus: float) -> int:
    have = _resources()
    each = []
    if cpus > 0:
        each.append(int(have.get("CPU", 0.0) / cpus + 1e-9))
    if 0 < gpus < 1:
        each.append(int(have.get("GPU", 0.0)) * _shares(gpus))
    elif gpus:
        each.append(int(have.get("GPU", 0.0) / gpus + 1e-9))
    return min(each)


def _resources() -> dict[str, float]:
    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def ray_resources(address: str | None) -> dict[str, float]:
    """Connect as for a study, and return the resources of the Ray, such as CPU and GPU.

    Raises:
        NasError: the cluster cannot be reached, or refuses the token.
    """
    with connected(address):
        return _resources()


def knock(address: str) -> None:
    """Check, within seconds, that something listens at the address of a cluster.

    Raises:
        NasError: nothing does, or this kind of address is not supported.
    """
    if "://" in address:
        raise NasError(
            f"{address} is a Ray Client address, which cannot be used to write the store.",
            "Run nas on a node of the cluster, with --ray-address HOST:6379 or auto.",
        )
    host, _, port = address.rpartition(":")
    if host and port.isdigit():  # Ray would wait for minutes
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, error) from error


def _check_token(address: str) -> None:
    """Join the cluster in another process, which can be ended when it refuses our token.

    Ray would try it for 20 s, and then say that it failed to connect.

    Raises:
        NasError: there is no token, or another one.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _PROBE, address], stderr=subprocess.PIPE, text=True, errors="replace"
    )
    over = Timer(_PROBE_SECONDS, process.kill)
    over.start()
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
        over.cancel()
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
            runtime_env=away_from_files(scratch),
        )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> NasError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return NasError(
        f"no Ray cluster answers at {address}: {reason}.",
        "Start one with `ray start --head`, or leave --ray-address out to run on this machine.",
    )
