"""The scores of a candidate are those that a worker would compute of it."""

from dataclasses import replace

import pytest
import torch

from nas import __version__
from nas.errors import TaskError
from nas.evaluate import Job, Plan
from nas.train import scorer as module
from nas.train.data import load_task
from nas.train.evaluator import TrainingEvaluator
from nas.train.proxies import MS, PROXIES
from nas.train.scorer import StudyScorer
from tests.studies import small_spec

SPEC = replace(small_spec(rungs=(1,), recipe="digits", limit=60), proxies=True)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2  # as it was found
    torch.set_num_threads(before)


def scorer(spec=SPEC):
    return StudyScorer(spec, load_task(spec.task, None, spec.seed, spec.limit))


def without_times(scores):
    return {name: value for name, value in scores.items() if not name.endswith(MS)}


def test_driver_and_worker_agree_to_the_last_bit(tmp_path, two_threads):
    architecture = SPEC.space.published[-1].architecture
    found = scorer()(architecture)
    torch.set_num_threads(1)  # as a worker does
    evaluator = TrainingEvaluator(Plan(SPEC.to_json(), str(tmp_path), None, "", __version__))
    (epoch,) = evaluator.evaluate(Job(0, 1, 11, architecture))
    torch.set_num_threads(2)
    assert set(found) >= set(PROXIES)
    assert without_times(found) == without_times(epoch.proxies)


def test_a_seed_draws_its_own_weights_and_images():
    architecture = SPEC.space.published[0].architecture
    one, other = (without_times(scorer(replace(SPEC, seed=n))(architecture)) for n in (1, 2))
    assert one != other


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_without_memory_a_candidate_stays_unscored(monkeypatch, error):
    def starve(*_):
        raise error

    monkeypatch.setattr("nas.train.proxies.score", starve)
    assert scorer()(SPEC.space.published[0].architecture) == {}


@pytest.mark.parametrize("error", [TaskError("gone.", "Put it back."), FileNotFoundError("gone")])
def test_without_images_a_candidate_stays_unscored_until_they_are_back(monkeypatch, error):
    def gone(*_):
        raise error

    score = scorer()
    with monkeypatch.context() as patched:
        patched.setattr(module, "proxy_batches", gone)
        assert score(SPEC.space.published[0].architecture) == {}
    assert score(SPEC.space.published[0].architecture)


def test_any_other_fault_is_not_hidden(monkeypatch):
    def wrong(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("nas.train.proxies.score", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        scorer()(SPEC.space.published[0].architecture)
