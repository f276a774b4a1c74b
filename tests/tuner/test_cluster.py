"""Joining Ray: what cannot work is refused at once, and nothing is left behind."""

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError
from nas.tuner.connection import connected, environment, sweep
from nas.tuner.room import Room, check_fraction
from nas.tuner.scratch import make_scratch, remove_scratch
from tests.messages import carries


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("ray://127.0.0.1:10001", "ray://127.0.0.1:10001"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("no-such-host.invalid:6379", "no-such-host.invalid:6379"),
    ],
)
def test_an_address_where_nothing_answers_is_refused_soon(address: str, cause: str) -> None:
    began = time.monotonic()
    with pytest.raises(NasError) as raised, connected(address):
        pass
    assert carries(raised.value.cause, cause)
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


def test_only_the_scratch_whose_process_has_ended_is_swept() -> None:
    """A lock says so, not a process id: it may be of another container that shares the folder."""
    own = make_scratch()
    elsewhere = own.with_name(own.name.replace(str(os.getpid()), "999999999"))
    own.rename(elsewhere)  # as a process sees it that cannot see ours
    ended = own.with_name(f"nas-ray-{os.getpid()}-ended")
    fresh, old = (ended.with_name(f"nas-ray-{name}-test") for name in ("fresh", "old"))
    for path in (ended, fresh, old):
        path.mkdir()
    (ended / "lock").touch()
    os.utime(old, (0, 0))  # made by a version without locks
    there = [path.exists() for path in (elsewhere, ended, fresh, old)]
    try:
        sweep()
        left = [path.exists() for path in (elsewhere, ended, fresh, old)]
    finally:
        remove_scratch(own)
        for path in (elsewhere, fresh):
            shutil.rmtree(path)
    assert (there, left) == ([True] * 4, [True, False, True, False])


@pytest.mark.parametrize("gpus", [0.0, 0.05, 0.2, 0.25, 0.33, 0.5, 1.0, 2.0])
def test_a_share_of_a_gpu_without_a_rest_is_taken(gpus: float) -> None:
    check_fraction(gpus)


@pytest.mark.parametrize(
    ("gpus", "remedy"), [(0.15, "0.166 for 6 at a time, or 0.142 for 7"), (0.6, "1 for 1"),
                         (0.4, "0.5 for 2 at a time, or 0.333 for 3"), (1.5, "1 or 2")],
)  # fmt: skip
def test_a_share_with_a_rest_is_refused_with_better_ones(gpus: float, remedy: str) -> None:
    with pytest.raises(NasError) as raised:
        check_fraction(gpus)
    assert f"--gpus-per-trial {remedy}" in raised.value.remedy


@given(gpus=st.floats(0.001, 1.0))
def test_the_shares_that_a_refusal_names_are_taken(gpus: float) -> None:
    try:
        check_fraction(gpus)
    except NasError as error:
        for share in re.findall(r"(?:trial|or) ([\d.]+) for", error.remedy):
            check_fraction(float(share))


def test_shares_are_packed_gpu_by_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"Alive": True, "Resources": {"CPU": 32.0, "GPU": 4.0}}
    monkeypatch.setattr(ray, "nodes", lambda: [node, node, {**node, "Alive": False}])
    assert Room((1, 0.25), None).fits() == 32
    assert Room((1, 0.33), None).fits() == 24  # not 8 / 0.33 = 24.2 cut at the end, but 3 on each
    assert Room((1, 0.16), None).fits() == 48  # not 50
    assert Room((4, 0.25), None).fits() == 16  # the cores decide
    assert Room((1, 2), 3).fits() == 3
    with pytest.raises(NasError, match="needs 1 CPUs and 8 GPUs"):
        Room((1, 8), None)  # no node has eight
