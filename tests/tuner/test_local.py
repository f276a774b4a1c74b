"""A Ray of our own: started ahead, taken over once, and nothing left behind."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from nas.errors import NasError
from nas.tuner.connection import connected, started_ahead
from nas.tuner.local_ray import take

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(120)


def scratches() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"nas-ray-{os.getpid()}-*"))


@dataclass(frozen=True)
class Observed:
    """What one Ray of ours was seen to do, from its start ahead to its end."""

    ahead: list[Path]  # the scratch directories before it was taken over
    scratch: Path
    free: object  # what could still be taken over while it was in use
    worker: dict[str, Any]  # told by a worker
    other: subprocess.Popen[bytes]  # another process of the driver


@pytest.fixture(scope="module")
def observed() -> Iterator[Observed]:
    class Once(tune.Trainable):  # in here, so that it travels whole
        def step(self) -> dict[str, Any]:
            import os
            import sys

            told = " ".join(os.environ.values())
            return {"cwd": str(Path.cwd()), "path": sys.path, "environ": told, "done": True}

        def cleanup(self) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_DB", "postgresql+psycopg://ann:geheim@host/nas")
        patch.setenv("PGPASSWORD", "geheim")
        with started_ahead(None):
            ahead = scratches()
            with connected(None) as scratch:
                assert ray.is_initialized()
                free = take()
                found = tune.Tuner(
                    tune.with_resources(Once, {"cpu": 1}),
                    run_config=tune.RunConfig(storage_path=str(scratch / "tune"), verbose=0),
                ).fit()
                metrics = found[0].metrics
                assert metrics is not None
                left = [path.name for path in Path(metrics["cwd"]).iterdir()]
                other = subprocess.Popen(["sleep", "60"])
    yield Observed(ahead, scratch, free, {**metrics, "left": left}, other)
    other.kill()
    other.wait()


def test_a_ray_started_ahead_is_taken_over_once(observed: Observed) -> None:
    assert observed.ahead == [observed.scratch]
    assert observed.free is None
    assert not ray.is_initialized()
    assert scratches() == []


def test_workers_run_in_an_empty_directory_and_without_passwords(observed: Observed) -> None:
    worker = observed.worker
    assert Path(worker["cwd"]).is_relative_to(observed.scratch)
    assert worker["left"] == []
    assert "geheim" not in worker["environ"]
    elsewhere = [path for path in worker["path"] if Path(path) != ROOT]  # of PYTHONPATH
    assert str(Path.cwd()) not in elsewhere
    assert str(Path(sys.argv[0]).resolve().parent) not in elsewhere


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_other_machine_and_no_other_user_reaches_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.tuner.listening"], cwd=ROOT, capture_output=True, check=True
    )
    addresses, names, mode = json.loads(done.stdout)
    for component in ("gcs_server", "raylet/raylet", "ray::"):
        assert any(component in name for name in names)
    assert {*addresses} == {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1
    assert mode == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_end_of_ray_spares_other_processes_of_its_driver(observed: Observed) -> None:
    deadline = time.monotonic() + 30
    while any(reapers(observed.scratch)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(reapers(observed.scratch))
    assert observed.other.poll() is None


def reapers(scratch: Path) -> Iterator[bytes]:
    """Yield the command lines of other processes that name a scratch directory."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = file.read_bytes()
            if os.fsencode(scratch) in command:
                yield command


def test_a_ray_that_nobody_wanted_is_stopped_with_the_error() -> None:
    with pytest.raises(ZeroDivisionError), started_ahead(None):
        raise ZeroDivisionError
    assert not ray.is_initialized()
    assert scratches() == []
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_nothing_is_started_ahead_for_a_cluster() -> None:
    with pytest.raises(NasError), started_ahead("127.0.0.1:1"):
        raise AssertionError("there is no cluster")
    assert take() is None
    assert scratches() == []
