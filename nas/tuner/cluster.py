"""Ray itself: a quiet local one of our own, or a running cluster; and how much fits on it."""

import logging
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import ray
from ray._private import worker

from nas.errors import NasError

# Ray puts sockets under its directory, whose paths may have 107 bytes; a long TMPDIR is too long.
_LONGEST_TMP = 30
_PREFIX = "nas-ray-"
_OBJECT_STORE_BYTES = 100 * 2**20  # reports only; nothing of size travels
_CONNECT_SECONDS = 5.0
_CAPACITY_SECONDS = 5.0

# The token that guards our own local Ray, whose ports are open on every interface. It stays in this
# process and its children, where Ray would write one to the home directory, readable by all. Ray
# turns the guard on itself, unless RAY_AUTH_MODE says otherwise: it must not be set here, for Ray
# has read it at import already.
_TOKEN = secrets.token_hex(32)

_QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a trial that asked for no GPU sees none
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths mean the same in every process
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # the study counts attempts, not Tune
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's would report an interrupted run as a success
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # our store is the record
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}


@contextmanager
def environment(values: Mapping[str, str], also: Sequence[str] = ()) -> Iterator[None]:
    """Set environment variables for a while, then put them back, and those named in `also`."""
    before = {key: os.environ.get(key) for key in (*values, *also)}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def connected(address: str | None) -> Iterator[Path]:
    """Yield a scratch directory, with Ray running: our own local one where `address` is None.

    A Ray that this process is connected to already is used as it is, and left alone.

    Raises:
        NasError: the cluster at `address` cannot be reached.
    """
    sweep()
    scratch = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_tmp()))
    ours = not ray.is_initialized()
    guard = {} if address else {"RAY_AUTH_TOKEN": _TOKEN}
    try:
        with environment({**_QUIET, **guard}, also=["RAY_AUTH_MODE"]), _hushed():
            if ours:
                _start_local(scratch) if address is None else _join(address)
            yield scratch
    finally:
        if ours:
            ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Ray from writing to the terminal: the study records every failure in its own words.

    `log_to_driver=False` spares the raylet's own messages, such as that of a worker's death; they
    stop only where Ray's debugger would stop them.
    """
    logger = logging.getLogger("ray")
    level, shown = logger.level, worker._worker_logs_enabled
    logger.setLevel(logging.CRITICAL)
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        logger.setLevel(level)
        worker._worker_logs_enabled = shown


def sweep() -> None:
    """Delete the scratch directories of processes that were killed before they could."""
    for path in _tmp().glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def capacity(cpus: float, gpus: float, most: int | None) -> Callable[[], int]:
    """Return how many trials of `cpus` and `gpus` the cluster holds now, `most` at the most.

    The answer follows a cluster that grows or shrinks, within seconds.

    Raises:
        NasError: not even one fits now.
    """
    if cpus < 0 or gpus < 0 or cpus + gpus <= 0 or (most is not None and most < 1):
        raise NasError(
            f"{cpus:g} CPUs and {gpus:g} GPUs for each of {most or 'all'} trials: that is nothing.",
            "Give positive numbers, such as --cpus-per-trial 1.",
        )
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


def too_small(wants: tuple[float, float], have: tuple[float, float]) -> NasError:
    """Return the error of a trial that wants more (CPUs, GPUs) than there are."""
    return NasError(
        f"a trial wants {wants[0]:g} CPUs and {wants[1]:g} GPUs, but there are {have[0]:g} and "
        f"{have[1]:g}.",
        "Lower --cpus-per-trial or --gpus-per-trial (fractions are fine).",
    )


def _fits(cpus: float, gpus: float) -> int:
    have = _resources()
    wants = {"CPU": cpus, "GPU": gpus}
    return min(int(have.get(key, 0.0) / want + 1e-9) for key, want in wants.items() if want > 0)


def _resources() -> dict[str, float]:
    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def _start_local(scratch: Path) -> None:
    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=_OBJECT_STORE_BYTES,
        _temp_dir=str(scratch),
    )


def knock(address: str) -> None:
    """Make sure, within seconds, that something listens at the address of a cluster.

    Raises:
        NasError: nothing does, or the address is of a kind that cannot be used.
    """
    if "://" in address:
        raise NasError(
            f"{address} is a Ray Client address, over which the store could not be written.",
            "Run nas on a node of the cluster, with --ray-address HOST:6379 or auto.",
        )
    host, _, port = address.rpartition(":")
    if host and port.isdigit():  # Ray itself would wait for minutes
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, error) from error


def _join(address: str) -> None:
    knock(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> NasError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return NasError(
        f"no Ray cluster answers at {address}: {reason}.",
        "Start one with `ray start --head`, or leave --ray-address out to run on this machine.",
    )


def _tmp() -> Path:
    tmp = tempfile.gettempdir()
    return Path(tmp if len(tmp) <= _LONGEST_TMP else "/tmp")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
