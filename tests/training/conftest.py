"""Fixtures of the tests of training."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nas.training.cpu import VARIABLE, accelerate
from nas.training.loop.session import Session


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache of its own for a test, still to be made."""
    place = tmp_path / "cache"
    monkeypatch.setenv("NAS_CACHE", str(place))
    return place


@pytest.fixture
def one_thread() -> None:
    """Train on one CPU thread; `same_threads` restores the number."""
    torch.set_num_threads(1)


@pytest.fixture(params=["accelerated", "plain"])
def cpu_mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test twice: its sessions as workers accelerate them on one CPU thread, and without."""
    if request.param == "plain":
        monkeypatch.setenv(VARIABLE, "plain")
    made = Session.__init__

    def accelerated(self: Session, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        if torch.get_num_threads() == 1:
            self.accelerate(accelerate)

    monkeypatch.setattr(Session, "__init__", accelerated)
    return str(request.param)
