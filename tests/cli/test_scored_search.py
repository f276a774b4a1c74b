"""A search whose scores have proven themselves scores the candidates that promise most."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.cli import run
from nas.train import scorer
from nas.trial import Measurement, Trial, TrialState
from tests.studies import small_spec

SPEC = replace(
    small_spec(rungs=(1,), recipe="digits", limit=60, sampler="predictor"),
    budget=(replace(small_spec().budget[0], limit=1_200_000),),
    proxies=True,
)


@pytest.fixture
def settings(tmp_path):
    return run.Settings.of(
        {
            "results_dir": Path(tmp_path), "ray_address": None, "cpus_per_trial": 1.0,
            "gpus_per_trial": 0.0, "max_concurrent": None, "report_timeout": 60.0, "quiet": True,
            "json_": False, "profile": False, "loaders": 0,
        }
    )  # fmt: skip


def history_of(ready, count=40):
    """Return trained networks whose real score foretells what their cost and choices do not."""
    rng = np.random.default_rng(0)
    drawn = dict.fromkeys(ready.feasible.sample_many(rng, 10 * count, low=0.85))
    found = []
    for number, architecture in enumerate(list(drawn)[:count]):
        luck = float(rng.standard_normal())
        error = float(np.exp(-1 - 0.3 * luck))
        found.append(
            Trial(
                number, architecture, ready.feasible.cost(architecture), TrialState.COMPLETE,
                number, measurements=(Measurement(1, 0, error, 1.0, 1.0, 1.0),),
                proxies={"synflow": 40 + luck},
            )
        )  # fmt: skip
    return found


def test_the_preflight_gives_the_sampler_its_scorer_and_a_resumed_one_agrees(settings, monkeypatch):
    scored = []
    real = scorer.score_if_it_fits

    def noted(layers, batches, seed):
        assert torch.get_num_threads() == 1
        scored.append(seed)
        return real(layers, batches, seed)

    monkeypatch.setattr(scorer, "score_if_it_fits", noted)
    one, again = (run.preflight(SPEC, settings) for _ in range(2))
    assert not scored
    history = history_of(one)
    proposed = [
        ready.sampler.propose(history, 40, np.random.default_rng(3)) for ready in (one, again)
    ]
    assert proposed[0] == proposed[1]
    assert 4 <= len(scored) <= 16
    assert set(scored) == {SPEC.seed}


def test_without_proxies_nothing_is_scored(settings, monkeypatch):
    def never(*_):
        raise AssertionError("scored")

    monkeypatch.setattr(scorer, "score_if_it_fits", never)
    ready = run.preflight(replace(SPEC, proxies=False), settings)
    history = history_of(ready)
    assert ready.sampler.propose(history, 40, np.random.default_rng(3)) is not None
