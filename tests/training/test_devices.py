"""The threads of a training."""

import pytest
import torch

from nas.training.loop.devices import usual_threads


def test_the_environment_says_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usual_threads() == usual_threads(2) == 3


@pytest.mark.parametrize("told", [None, "0", "", "many"])
def test_a_training_on_a_cpu_has_one_thread(
    monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU trains")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert usual_threads() == 1
