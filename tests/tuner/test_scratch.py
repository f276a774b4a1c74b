"""Scratch directories of Ray: in TMPDIR if Ray can use it, else elsewhere with a message."""

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError
from nas.tuner.scratch import make_scratch, moved_note, ray_folder

UseTmp = Callable[[Path], Path]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path; pytest's own are long."""
    path = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def scratch_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseTmp]:
    """Makes a scratch directory with TMPDIR set to a folder, as a new process would."""
    made = []

    def make(folder: Path) -> Path:
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        made.append(make_scratch())
        return made[-1]

    yield make
    for path in made:
        shutil.rmtree(path)


def test_a_short_folder_is_used_and_nothing_is_said(short: Path, scratch_in: UseTmp) -> None:
    folder = short / "a 'b"
    folder.mkdir()
    scratch = scratch_in(folder)
    assert scratch.parent == folder
    assert moved_note(scratch) is None
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_is_that_of_a_socket_below_it(
    short: Path, scratch_in: UseTmp, extra: int
) -> None:
    # The longest is found by the product's own words, and then held to what the system takes.
    folder = short / ("x" * 90)
    folder.mkdir()
    words = moved_note(scratch_in(folder)) or ""
    longest = int(words.split("allow only ")[1].split(";")[0])
    fitting = short / ("y" * (longest + extra - len(os.fsencode(short)) - 1))
    fitting.mkdir()
    scratch = scratch_in(fitting)
    assert (scratch.parent == fitting) == (extra == 0)
    session = f"session_2026-11-29_20-59-20_381066_{os.getpid()}"
    sockets = ray_folder(scratch) / session / "sockets"
    sockets.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sockets / "plasma_store"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ä", "only paths of ASCII"),
        ("é" * 30, "only paths of ASCII"),
        ("a:b", "':'"),
        ("x" * 60, "bytes"),
    ],
)
def test_a_folder_that_ray_cannot_use_is_left_and_the_reason_said(
    short: Path, scratch_in: UseTmp, name: str, reason: str
) -> None:
    folder = short / name
    folder.mkdir()
    scratch = scratch_in(folder)
    assert scratch.parent != folder
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    note = moved_note(scratch)
    assert note is not None
    assert reason in note
    assert str(scratch) in note
    assert "\n" not in note


def test_a_folder_that_is_missing_or_a_file_is_named(short: Path, scratch_in: UseTmp) -> None:
    (short / "file").touch()
    missing, file = short / "none", short / "file"
    assert "no such folder" in (moved_note(scratch_in(missing)) or "")
    assert "is a file" in (moved_note(scratch_in(file)) or "")


def test_where_no_folder_can_be_written_each_is_named(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(NasError) as raised:
        make_scratch()
    assert "/tmp (No space left on device)" in raised.value.cause
    assert "TMPDIR" in raised.value.remedy
