"""A local Ray of our own: started in the background, so that whoever needs it waits less.

Its processes start while the caller checks data and counts architectures, and its worker processes
import what they will need meanwhile.
"""

import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import ray
from ray._private import worker

from nas.tuner.lean import few_processes

# Ray puts sockets under its directory, whose paths may have 107 bytes; a long TMPDIR is too long.
_LONGEST_TMP = 30
_PREFIX = "nas-ray-"
_OBJECT_STORE_BYTES = 100 * 2**20  # reports only; nothing of size travels

_GPU_FILES = ("nvidiactl", "nvidia0", "nvmap", "dxg", "kfd")  # of NVIDIA, Jetson, WSL, AMD

# A worker that has loaded everything waits for its first trial longer than the second that Ray
# gives it as soon as Tune has reserved the cores.
_IDLE_MILLISECONDS = 120_000

EVALUATOR = "nas.train.evaluator:make"  # of a search, unless another is named

# What an evaluator's first training loads beyond the evaluator's own module.
_READY = {"nas.train.evaluator": "nas.train.ready"}

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


def may_have_gpu() -> bool:
    """Tell, without torch, whether this machine may have a GPU; a guess in doubt says yes."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return sys.platform != "linux" or any(Path("/dev", name).exists() for name in _GPU_FILES)


def preloads(evaluator: str, cpus: float, gpus: float, most: int | None) -> tuple[str, ...]:
    """Return the modules that workers should import before their first trial, if any.

    Ray starts one worker process for each core at once. Where fewer will run trials, the others
    would take time and memory for nothing, so that then there are none.
    """
    cores = os.cpu_count() or 1
    if gpus > 0 or cpus > 1 or (most is not None and most < cores):
        return ()
    module = evaluator.partition(":")[0]
    ready = (_READY[module],) if module in _READY else ()
    return ("nas.tuner.trainable", module, *ready)


class LocalRay:
    """One Ray on this machine with its scratch directory; start it, wait for it, stop it.

    To be used within `surroundings(None)`.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        """Begin to start it; each worker process imports the modules `preload` before its work.

        One that cannot be imported is left to whoever needs it.
        """
        self.scratch = make_scratch()
        self._preload = list(preload)
        self._up, self._over = Event(), Event()
        self._error: BaseException | None = None
        # Ray's processes die with the thread that started them, which therefore outlives them.
        self._thread = Thread(target=self._bear, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return as soon as it runs; raise what kept it from starting."""
        self._up.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it, once it runs, and delete its scratch directory."""
        self._up.wait()
        if self._error is None:
            ray.shutdown()
        self._over.set()
        self._thread.join()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _bear(self) -> None:
        try:
            with few_processes():
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    _temp_dir=str(self.scratch),
                    _system_config={
                        "preload_python_modules": self._preload,
                        "idle_worker_killing_time_threshold_ms": _IDLE_MILLISECONDS,
                    },
                )
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            self._error = error
        finally:
            self._up.set()
        self._over.wait()


class _Ahead:
    """The one Ray that was started ahead and that nobody has taken over; Ray is one per process."""

    ray: LocalRay | None = None


@contextmanager
def started_ahead(address: str | None, preload: Sequence[str] = ()) -> Iterator[None]:
    """Start our own Ray in the background, to be taken over by who `take`s it in this block.

    Does nothing where a cluster is meant, or where Ray runs already. At the end of the block a Ray
    that nobody took is stopped.
    """
    if address is not None or ray.is_initialized() or _Ahead.ray is not None:
        yield
        return
    sweep()
    with surroundings(None):
        _Ahead.ray = LocalRay(preload)
        try:
            yield
        finally:
            left = take()
            if left is not None:
                left.stop()


def take() -> LocalRay | None:
    """Return the Ray that was started ahead, which is the caller's from now on; None if none."""
    taken, _Ahead.ray = _Ahead.ray, None
    return taken


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
def surroundings(address: str | None) -> Iterator[None]:
    """Set what Ray reads from the environment, and keep it quiet; `address` None: our own Ray.

    The study records every failure in its own words. `log_to_driver=False` spares the raylet's own
    messages, such as that of a worker's death; they stop only where Ray's debugger would stop them.
    """
    guard = {} if address else {"RAY_AUTH_TOKEN": _TOKEN}
    logger = logging.getLogger("ray")
    level, shown = logger.level, worker._worker_logs_enabled
    with environment({**_QUIET, **guard}, also=["RAY_AUTH_MODE"]):
        logger.setLevel(logging.CRITICAL)
        worker._worker_logs_enabled = False
        try:
            yield
        finally:
            logger.setLevel(level)
            worker._worker_logs_enabled = shown


def make_scratch() -> Path:
    """Make a scratch directory that `sweep` knows as this process's."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_tmp()))


def sweep() -> None:
    """Delete the scratch directories of processes that were killed before they could."""
    for path in _tmp().glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


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
