"""A Ray of our own: started ahead, taken over once, its workers ready, and nothing left behind."""

import os
import tempfile
from pathlib import Path

import pytest
import ray

from nas.tuner.cluster import connected
from nas.tuner.local import EVALUATOR, preloads, started_ahead, take

pytestmark = pytest.mark.timeout(120)


def scratches() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"nas-ray-{os.getpid()}-*"))


def test_a_ray_started_ahead_is_taken_over_once_and_its_workers_are_ready() -> None:
    def loaded() -> bool:  # in here, so that it travels whole
        import sys

        return "nas.words" in sys.modules

    with started_ahead(None, preload=["no_such_module_of_nas", "nas.words"]):
        assert len(scratches()) == 1
        with connected(None) as scratch:
            assert [scratch] == scratches()
            assert ray.get(ray.remote(loaded).remote())
            assert take() is None
        assert not ray.is_initialized()
        assert scratches() == []


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
