"""Calls the command line in this process, as a shell would see it."""

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.cli import main
from nas.interruption import descendants
from nas.tuner.reaper import MARK

NAS = Path(sys.executable).with_name("nas")


def surroundings(words: Sequence[str]) -> dict[str, str]:
    """Return the environment of `nas`: no variable of nas, and one CPU for a Ray that it starts.

    Each further worker imports everything again; only a training with several needs the CPUs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NAS_")}
    return kept if "--workers" in words else {**kept, "RAY_OVERRIDE_RESOURCES": '{"CPU": 1}'}


def run_nas(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder, with no variable of nas but those of `environment`."""
    return subprocess.run(
        [NAS, *words], cwd=folder, env={**surroundings(words), **environment},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


class Driver:
    """`nas` in a process of its own, its lines read one by one."""

    def __init__(self, place: Path, *words: str) -> None:
        """Start it as the leader of a process group, as a terminal does."""
        self.process = subprocess.Popen(
            [NAS, *words], cwd=place, env=surroundings(words), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip

    def until(self, text: str) -> str:
        """Read lines until one holds `text`; return it."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return line
        code = self.process.wait()
        raise AssertionError(f"ended with {code}, never said {text!r}: {''.join(seen)}")

    def signal_group(self, number: int) -> None:
        """Send a signal to it and to all its processes, as a terminal does."""
        os.killpg(self.process.pid, number)

    def kill_worker(self, name: bytes) -> None:
        """Kill -9 one process that trains."""
        for pid in descendants(self.process.pid):
            if name in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError("no worker found")

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=200)
        return self.process.returncode, out


def marked(driver: int) -> set[str]:
    """Return the command lines of all processes of the local Ray that a driver started."""
    mark = f"{MARK}={tempfile.gettempdir()}/nas-ray-{driver}-".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.add((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Called:
    """What one call printed and returned."""

    code: int
    out: str
    err: str


def call_here(folder: Path, *words: str, site: Path | None = None) -> Called:
    """Call `nas` in this process, in `folder`, as `run_nas` does with the modules of `site`."""
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("NAS_")]:
            patch.delenv(name)
        if site is not None:
            patch.syspath_prepend(site)
        code = _main(patch, words)
    return Called(code, out.getvalue(), err.getvalue())


def _main(patch: pytest.MonkeyPatch, words: Sequence[str]) -> int:
    patch.setattr(sys, "argv", ["nas", *words])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


class Shell:
    """Calls `nas` with words; keeps nothing between calls but the working directory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> Called:
        code = _main(self._monkeypatch, words)
        printed = self._capsys.readouterr()
        return Called(code, printed.out, printed.err)

    def refused(self, *words: str, code: int = 2) -> str:
        """Call and make sure that it fails with `code`, a cause, a remedy and no traceback.

        A further line may say how to continue.
        """
        called = self(*words)
        assert called.code == code, called
        lines = called.err.strip().splitlines()
        assert len(lines) == 2 + ("Continue with: nas resume" in lines[-1]), called.err
        assert lines[0].startswith("nas: ")
        assert "Traceback" not in called.err + called.out
        return called.err
