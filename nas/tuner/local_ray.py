"""A local Ray that this process starts, in the background to save waiting time.

It starts while the caller checks data and counts architectures.
"""

import logging
import os
import secrets
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import ray

from nas.interruption import postponed, raise_if_held, rearm
from nas.tuner.reaper import MARK, started_reaper
from nas.tuner.scratch import make_scratch, ray_folder, remove_scratch, sweep

_OBJECT_STORE_BYTES = 100 * 2**20  # for reports only, which are small

EVALUATOR = "nas.training.evaluator:make"  # the default evaluator of a search

# The token protects the local Ray from other users of this machine. Only this process and its
# children have it; Ray's own token would be in the home directory, readable by all. Ray uses the
# token unless RAY_AUTH_MODE turns it off. Setting that variable here would have no effect, because
# Ray reads it at its import.
_TOKEN = secrets.token_hex(32)

# Variables with the address and the password of the database; workers do not get them.
SECRETS = ("NAS_DB", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE")

_QUIET = {
    "PYTHONSAFEPATH": "1",  # Ray's processes do not import modules from their working directory
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # hides the GPUs from a trial without a GPU
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths mean the same in every process
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # the study counts attempts, not Tune
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's would report an interrupted run as a success
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # the record is in the store of nas
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # the study decides after each report
}


class LocalRay:
    """A Ray on this machine with its scratch directory: start, wait, stop.

    Use it within `surroundings(None)`.
    """

    def __init__(self) -> None:
        """Start it in the background.

        Raises:
            NasError: no folder is suitable for the scratch directory.
        """
        self.scratch = make_scratch()
        self._started, self._stopped = Event(), Event()
        self._reaper = started_reaper(self.scratch)
        self._error: BaseException | None = None
        # Ray's processes end with the thread that started them, so that the thread must wait.
        self._thread = Thread(target=self._start_and_wait, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return as soon as Ray runs; raise the error if it did not start."""
        self._started.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Wait until Ray runs, end it, and delete its scratch directory."""
        self._started.wait()
        if self._error is None:
            ray.shutdown()
            rearm()
        self._stopped.set()
        self._thread.join()
        self._reaper.close()
        remove_scratch(self.scratch)

    def _start_and_wait(self) -> None:
        # Ray's processes inherit the blocked SIGHUP: closing the terminal must not end them before
        # their trainings are saved. This process receives the signal in its main thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            # Only Ray's processes and their workers inherit the mark.
            with environment({MARK: str(self.scratch)}):
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    runtime_env=job_environment(self.scratch),
                    _temp_dir=str(ray_folder(self.scratch)),  # documented despite its name
                )
        except BaseException as error:  # noqa: BLE001 - raised by `wait`
            self._error = error
        finally:
            self._started.set()
        self._stopped.wait()


def job_environment(scratch: Path) -> dict[str, Any]:
    """Return the environment of Ray's jobs: an empty working directory in `scratch`, no passwords.

    By default Ray puts the working directory of the driver first on the module path of every
    worker, so that a user's file `random.py` would replace Python's module. Workers need no
    password, because they do not write to the database.
    """
    empty = scratch / "work"
    empty.mkdir()
    return {"working_dir": str(empty), "env_vars": dict.fromkeys(SECRETS, "")}


def _absolute() -> dict[str, str]:
    """Return the variables that contain paths, with absolute paths for the workers."""
    names = ("NAS_CACHE", "XDG_CACHE_HOME")
    found = {name: str(Path(os.environ[name]).absolute()) for name in names if os.environ.get(name)}
    paths = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if paths:
        found["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in paths)
    return found


class _Ahead:
    """The Ray that was started ahead and not yet taken; a process has at most one Ray."""

    ray: LocalRay | None = None


@contextmanager
def started_ahead() -> Iterator[None]:
    """Start a local Ray in the background, for a call of `take` in this block.

    Do nothing if Ray already runs. At the end of the block, a Ray that was not taken is stopped.
    """
    if ray.is_initialized() or _Ahead.ray is not None:
        yield
        return
    raise_if_held()
    sweep()
    with surroundings(None):
        # If Python ended while Ray starts in a thread, Ray would abort this process.
        try:
            with postponed():
                _Ahead.ray = LocalRay()
            yield
        finally:
            with postponed():
                untaken = take()
                if untaken is not None:
                    untaken.stop()


def take() -> LocalRay | None:
    """Return the Ray that was started ahead, which the caller then owns; None if there is none."""
    taken, _Ahead.ray = _Ahead.ray, None
    return taken


@contextmanager
def environment(values: Mapping[str, str], also: Sequence[str] = ()) -> Iterator[None]:
    """Set environment variables in the block; then restore them, and those named in `also`."""
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
def surroundings(address: str | None) -> Iterator[None]:
    """Set Ray's environment variables, and silence its log; a local Ray if `address` is None.

    The study records every failure. Ray's message about a dead worker is printed despite
    `log_to_driver=False`; `nas.tuner` makes Ray skip it.
    """
    token = {} if address else {"RAY_AUTH_TOKEN": _TOKEN}
    logger = logging.getLogger("ray")
    level = logger.level
    with environment({**_QUIET, **token, **_absolute()}, also=["RAY_AUTH_MODE"]):
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
