"""Compiled: shared libraries of the C and C++ sources in this package, made at their first use.

A library is kept in the cache folder under a name made of all that it depends on, so that other
sources, flags or processors never find it. Nothing is compiled when the package is installed, and
nobody is asked to install a compiler: who calls does without where there is none.
"""

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nas.files import write_whole
from nas.training.data.cache import cache_dir

_SECONDS = 120.0


class NoLibraryError(Exception):
    """There is no library: no compiler, or it failed; the message says which."""


@dataclass(frozen=True, slots=True)
class Build:
    """How a library is made: `compilers`, unless `variable` of the environment names another.

    `sources` are what is compiled, `headers` what they include of this package; `salt` is what the
    library depends on besides. A `tuned` one uses all instructions of this processor.
    """

    name: str
    sources: tuple[Path, ...]
    headers: tuple[Path, ...]
    compilers: tuple[str, ...]
    variable: str
    flags: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    tuned: bool = False
    salt: str = ""


def shared_library(build: Build) -> ctypes.CDLL:
    """Return the library of `build`, compiled now if it has not been.

    Raises:
        NoLibraryError: it cannot be made or loaded.
    """
    if sys.platform == "win32":
        raise NoLibraryError("it is not built on Windows")
    command = _command(build)
    path = cache_dir() / f"{build.name}-{_key(build, command)}.so"
    if path.is_file():
        with contextlib.suppress(OSError):  # damaged: made anew
            return ctypes.CDLL(str(path))
    try:
        return _made(build, command, path)
    except OSError as error:
        raise NoLibraryError(f"{path}: {error.strerror or error}") from error


def _command(build: Build) -> list[str]:
    """Return the compiler and its flags."""
    named = shlex.split(os.environ.get(build.variable, ""))
    compiler = named or [found for name in build.compilers if (found := shutil.which(name))][:1]
    if not compiler or not shutil.which(compiler[0]):
        names = " or ".join(named[:1] or build.compilers)
        raise NoLibraryError(f"there is no compiler ({names})")
    return [*compiler, *build.flags, *([_native()] if build.tuned else [])]


def _native() -> str:
    return "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"


def _key(build: Build, command: list[str]) -> str:
    """Return a name for the sources, the command, and where it is tuned the processor."""
    digest = hashlib.sha256("\n".join([*command, build.salt]).encode())
    for path in (*build.headers, *build.sources):
        digest.update(path.read_bytes())
    if build.tuned:
        digest.update(_processor().encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """Return what tells processors with other instructions apart: nodes may share a cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _made(build: Build, command: list[str], path: Path) -> ctypes.CDLL:
    """Compile, and keep the library at `path` where that can be written."""
    with tempfile.TemporaryDirectory(prefix=f"nas-{build.name}-") as folder:
        made = Path(folder) / path.name
        _compile([*command, "-o", str(made), *map(str, build.sources), *build.libraries])
        with contextlib.suppress(OSError):
            write_whole(path, partial(_copied, made))
            return ctypes.CDLL(str(path))
        return ctypes.CDLL(str(made))  # stays loaded when the file is gone


def _compile(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        stderr = error.stderr.decode(errors="replace")
        last = (stderr.strip() or f"exit code {error.returncode}").splitlines()[-1]
        raise NoLibraryError(f"{command[0]} failed: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise NoLibraryError(f"{command[0]} took longer than {_SECONDS:.0f} s") from error


def _copied(one: Path, other: Path) -> None:
    shutil.copyfile(one, other)
