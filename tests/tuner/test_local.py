"""A Ray of our own: started ahead, taken over once, its workers ready, and nothing left behind."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from nas.tuner.cluster import connected
from nas.tuner.interrupt import descendants
from nas.tuner.local import EVALUATOR, may_have_gpu, preloads, started_ahead, take

pytestmark = pytest.mark.timeout(120)


def scratches() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"nas-ray-{os.getpid()}-*"))


def test_a_ray_started_ahead_is_taken_over_once_and_its_workers_are_ready() -> None:
    def loaded() -> bool:  # in here, so that it travels whole
        import sys

        return "nas.units" in sys.modules

    with started_ahead(None, preload=["no_such_module_of_nas", "nas.units"]):
        assert len(scratches()) == 1
        with connected(None) as scratch:
            assert [scratch] == scratches()
            assert ray.get(ray.remote(loaded).remote())
            assert take() is None
        assert not ray.is_initialized()
        assert scratches() == []


def commands() -> list[str]:
    """The command lines of the processes below this one."""
    found = []
    for pid in descendants(os.getpid()):
        path = Path(f"/proc/{pid}/cmdline")
        found.append(path.read_bytes().replace(b"\0", b" ").decode() if path.exists() else "")
    return found


def idle_workers() -> set[int]:
    """The worker processes that wait."""
    found = set()
    for pid in descendants(os.getpid()):
        path = Path(f"/proc/{pid}/cmdline")
        if path.exists() and path.read_bytes().startswith(b"ray::IDLE"):
            found.add(pid)
    return found


def test_trials_run_in_the_processes_that_wait_and_few_others_are_started() -> None:
    class Once(tune.Trainable):  # in here, so that it travels whole
        def step(self) -> dict[str, Any]:
            return {"pid": os.getpid(), "done": True}

        def cleanup(self) -> None:
            pass

    with connected(None, preload=["nas.units"]) as scratch:
        deadline = time.monotonic() + 60
        while len(waiting := idle_workers()) < (os.cpu_count() or 1):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2)  # for which Ray would keep workers that have nothing to do: one second
        found = tune.Tuner(
            tune.with_resources(Once, {"cpu": 1}),
            run_config=tune.RunConfig(storage_path=str(scratch / "tune"), verbose=0),
        ).fit()
        assert found[0].metrics is not None
        assert found[0].metrics["pid"] in waiting
        running = " ".join(commands())
    assert "raylet" in running
    for name in ("dashboard/dashboard.py", "_private/monitor.py", "log_monitor"):
        assert name not in running


def test_a_gpu_is_ruled_out_where_none_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not may_have_gpu()


def test_a_ray_that_nobody_wanted_is_stopped_with_the_error() -> None:
    with pytest.raises(ZeroDivisionError), started_ahead(None):
        raise ZeroDivisionError
    assert not ray.is_initialized()
    assert scratches() == []
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_nothing_is_started_ahead_for_a_cluster() -> None:
    with started_ahead("127.0.0.1:1"):
        assert take() is None
        assert scratches() == []


def test_workers_load_ahead_only_where_each_of_them_will_run_a_trial() -> None:
    cores = os.cpu_count() or 1
    modules = preloads(EVALUATOR, 1.0, 0.0, None)
    assert modules[:2] == ("nas.tuner.trainable", "nas.train.evaluator")
    assert preloads("bench:make", 0.5, 0.0, cores) == ("nas.tuner.trainable", "bench")
    assert preloads(EVALUATOR, 2.0, 0.0, None) == ()
    assert preloads(EVALUATOR, 1.0, 0.25, None) == ()
    assert preloads(EVALUATOR, 1.0, 0.0, cores - 1 or None) == (() if cores > 1 else modules)
