"""The shared library of the C sources in this package, compiled at its first use.

It is in the cache folder; its name has a hash of the sources, the command and the processor.
Nothing is compiled when the package is installed, and a compiler is optional. A library is first
tried in a separate process: a library for another processor would end the process that calls it.
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
from functools import partial
from pathlib import Path

from nas.files import write_whole
from nas.training.cpu.kernels import trial_call
from nas.training.data.cache import cache_dir

_HERE = Path(__file__).parent
_SOURCES = (_HERE / "norm.c", _HERE / "depthwise.c")
_COMPILERS = ("cc", "gcc", "clang")  # unless CC names another
_FLAGS = ("-O3", "-fno-math-errno", "-ffp-contract=fast", "-shared", "-fPIC")
_COMPILE_SECONDS, _TRIAL_SECONDS = 120.0, 30.0


class NoLibraryError(Exception):
    """The library is not available; the message gives the reason."""


def compiled_library() -> ctypes.CDLL:
    """Return the library; compile it if it is missing.

    Raises:
        NoLibraryError: it cannot be compiled, loaded or run.
    """
    if sys.platform == "win32":
        raise NoLibraryError("the kernels are not built on Windows")
    command = _command()
    path = cache_dir() / f"kernels-{_key(command)}.so"
    try:
        if path.is_file():
            with contextlib.suppress(NoLibraryError, OSError):  # a damaged file is compiled again
                _check(path)
                return ctypes.CDLL(str(path))
        return _compiled(command, path)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoLibraryError(f"the kernels cannot be compiled ({error})"[:200]) from error


def _command() -> list[str]:
    """Return the compiler and its flags."""
    named = shlex.split(os.environ.get("CC", ""))
    compiler = named or [found for name in _COMPILERS if (found := shutil.which(name))][:1]
    if not compiler or not shutil.which(compiler[0]):
        names = named[:1] or _COMPILERS
        raise NoLibraryError(f"there is no C compiler ({', '.join(names)})")
    arm = platform.machine() in ("aarch64", "arm64")
    return [*compiler, *_FLAGS, "-mcpu=native" if arm else "-march=native"]


def _key(command: list[str]) -> str:
    """Return a name for the sources, the command and the processor."""
    digest = hashlib.sha256("\n".join(command).encode())
    for path in (_HERE / "maps.h", *_SOURCES):
        digest.update(path.read_bytes())
    digest.update(_processor().encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """Return a text that differs between instruction sets, because nodes may share a cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _compiled(command: list[str], path: Path) -> ctypes.CDLL:
    """Compile the library, and cache it at `path` if possible."""
    with tempfile.TemporaryDirectory(prefix="nas-kernels-") as folder:
        library = Path(folder) / path.name
        _compile([*command, "-o", str(library), *map(str, _SOURCES), "-lm"])
        _check(library)
        with contextlib.suppress(OSError):
            write_whole(path, partial(_copy, library))
            return ctypes.CDLL(str(path))
        return ctypes.CDLL(str(library))  # stays loaded after the file is deleted


def _compile(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_COMPILE_SECONDS)
    except subprocess.CalledProcessError as error:
        stderr = error.stderr.decode(errors="replace")
        last = (stderr.strip() or f"exit code {error.returncode}").splitlines()[-1]
        raise NoLibraryError(f"the C compiler failed ({command[0]}: {last})"[:200]) from error


def _check(path: Path) -> None:
    """Call the library in a separate process.

    Raises:
        NoLibraryError: its results are wrong, or it fails.
    """
    words = [sys.executable, "-I", trial_call.__file__, str(path)]
    done = subprocess.run(words, capture_output=True, check=False, timeout=_TRIAL_SECONDS)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        raise NoLibraryError(f"the kernels do not run on this processor ({reason})"[:200])


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
