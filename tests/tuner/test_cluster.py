"""Joining Ray: what cannot work is refused at once, and nothing is left behind."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import ray

from nas.errors import NasError
from nas.tuner.cluster import connected, environment, sweep


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("ray://127.0.0.1:10001", "Ray Client"),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"),
        ("no-such-host.invalid:6379", "no Ray cluster answers"),
    ],
)
def test_an_address_where_nothing_answers_is_refused_soon(address: str, cause: str) -> None:
    began = time.monotonic()
    with pytest.raises(NasError) as raised, connected(address):
        pass
    assert cause in raised.value.cause
    assert "\n" not in str(raised.value)
    assert time.monotonic() - began < 20
    assert not ray.is_initialized()
    tmp = Path(tempfile.gettempdir())
    assert not list(tmp.glob(f"nas-ray-{os.getpid()}-*"))


def test_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_TEST_OLD", "old")
    monkeypatch.delenv("NAS_TEST_NEW", raising=False)
    monkeypatch.delenv("NAS_TEST_ALSO", raising=False)
    with environment({"NAS_TEST_OLD": "x", "NAS_TEST_NEW": "y"}, also=["NAS_TEST_ALSO"]):
        assert (os.environ["NAS_TEST_OLD"], os.environ["NAS_TEST_NEW"]) == ("x", "y")
        os.environ["NAS_TEST_ALSO"] = "z"
    assert os.environ["NAS_TEST_OLD"] == "old"
    assert "NAS_TEST_NEW" not in os.environ
    assert "NAS_TEST_ALSO" not in os.environ


def test_only_the_scratch_of_dead_processes_is_swept() -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    ).stdout.strip()
    tmp = Path(tempfile.gettempdir())
    stale, live = tmp / f"nas-ray-{int(dead)}-test", tmp / f"nas-ray-{os.getpid()}-test"
    other = tmp / "nas-ray-words-test"
    for path in (stale, live, other):
        path.mkdir()
        (path / "file").write_text("")
    try:
        sweep()
        assert [path.exists() for path in (stale, live, other)] == [False, True, True]
    finally:
        for path in (live, other):
            (path / "file").unlink()
            path.rmdir()
