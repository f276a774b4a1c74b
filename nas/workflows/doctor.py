"""Doctor: check the packages, database, Ray and data that a study needs; nothing is created."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from nas.errors import NasError, NoEffectError, StoreError
from nas.store import open_store, read_address
from nas.study import TASKS
from nas.units import size_in_bytes
from nas.user_folders import is_writable, results_folder
from nas.workflows.package_versions import versions
from nas.workflows.request import Request

_LITTLE_BYTES = 10**9  # enough for the weights of a short search; a long one may need more
_TOO_LITTLE_BYTES = 10**8


@dataclass(frozen=True, kw_only=True)
class DoctorRequest(Request):
    """The checks to make: those for a search with the same settings.

    `db` None is the default database, `ray_address` None a Ray on this machine. The data are
    checked if `task` or `data` is given.
    """

    db: str | None = None
    results_dir: Path = field(default_factory=results_folder)
    ray_address: str | None = None
    task: str | None = None
    data: Path | None = None

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.task is not None and TASKS.load(self.task).embedded:
            yield NoEffectError("data", f"the images of {self.task} come with a package")


@dataclass(frozen=True)
class Check:
    """The result of one check: a `fault` prevents a study, a `note` does not."""

    name: str
    text: str
    fault: NasError | None = None
    note: str = ""

    @property
    def state(self) -> str:
        """The result in one word: ok, note or fault."""
        return "fault" if self.fault else "note" if self.note else "ok"


def examine(request: DoctorRequest) -> Iterator[Check]:
    """Yield the result of each check as soon as it is known."""
    yield _checked("packages", _packages)
    yield _checked("devices", _devices)
    yield _checked("kernels", _kernels)
    yield _checked("database", lambda: _database(request.db))
    yield _checked("results", lambda: _results(request.results_dir))
    yield _checked("ray", lambda: _ray(request.ray_address))
    if request.task is not None or request.data is not None:
        yield _checked("data", lambda: _data(request.task or "folder", request.data))


def _checked(name: str, look: Callable[[], tuple[str, str]]) -> Check:
    """Return the result of `look`, which returns a text and a note."""
    try:
        text, note = look()
    except NasError as error:
        return Check(name, error.cause, error)
    return Check(name, text, None, note)


def _packages() -> tuple[str, str]:
    try:
        return ", ".join(f"{name} {version}" for name, version in versions().items()), ""
    except PackageNotFoundError as error:
        raise NasError(
            f"the package {error.name} is not installed.", "Install it: pip install nas"
        ) from error


def _devices() -> tuple[str, str]:
    from nas.training import describe_devices

    return describe_devices(), ""


def _kernels() -> tuple[str, str]:
    from nas.training import without_kernels

    why = without_kernels()
    if why:
        return f"PyTorch alone: {why}", "Training on one CPU thread is slower; results are equal."
    return "compiled for this processor", ""


def _database(db: str | None) -> tuple[str, str]:
    address = read_address(db)
    path = address.path
    if path is not None and not path.exists():
        if not path.parent.is_dir() or not is_writable(path.parent):
            raise StoreError(
                f"the database {address.shown} cannot be created in {path.parent}.",
                "Make this directory writable, or name another file with --db.",
            )
        return f"{address.shown} does not exist yet; a search creates it", ""
    if path is not None and not os.access(path, os.W_OK):
        raise StoreError(
            f"the database {address.shown} is not writable.",
            "Get write permission for the file and its directory, or use another one with --db.",
        )
    with open_store(db, create=False, read_only=True) as store:
        number = len(store.names())
        return f"{address.shown}: {number:,} {'study' if number == 1 else 'studies'}", ""


def _results(folder: Path) -> tuple[str, str]:
    if not is_writable(folder):
        raise NasError(f"cannot write to {folder}.", "Name a writable directory: --results DIR")
    there = next(part for part in (folder.absolute(), *folder.absolute().parents) if part.exists())
    free = shutil.disk_usage(there).free
    shown = f"{folder}: {size_in_bytes(free) or 'nothing'} free"
    if free < _TOO_LITTLE_BYTES:
        raise NasError(f"{shown}.", "Free some space, or name another directory: --results DIR")
    little = "Weights and checkpoints of a long study may need more."
    return shown, little if free < _LITTLE_BYTES else ""


def _ray(address: str | None) -> tuple[str, str]:
    from nas.tuner import ray_resources

    found = ray_resources(address)
    where = f"the cluster at {address}" if address else "starts on this machine"
    return f"{where}: {found.get('CPU', 0):g} CPUs, {found.get('GPU', 0):g} GPUs", ""


def _data(task: str, folder: Path | None) -> tuple[str, str]:
    from nas.training import load_task

    return load_task(task, str(folder) if folder else None).note, ""
