"""Signals within blocks that must not be divided."""

import importlib
import signal
import time
from pathlib import Path

import pytest

from nas.interruption import SIGNALS, interruptible, postponed


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_at_the_end_of_a_block_that_postpones_it(number: int) -> None:
    done = False
    with interruptible(owns_process=False), pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with postponed():
            signal.raise_signal(number)
            done = True
        raise AssertionError("the signal was lost")
    assert done


def test_an_outer_block_that_defers_signals_is_not_left() -> None:
    with interruptible(owns_process=False) as interruption, interruption.deferred():
        with postponed():
            signal.raise_signal(signal.SIGTERM)
        assert interruption()
        with postponed():
            pass


def test_nothing_is_postponed_in_a_process_without_handlers() -> None:
    with pytest.raises(KeyboardInterrupt), postponed():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_import_is_finished_before_a_signal_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    name = f"sends_signal_{int(number)}"
    text = f"import signal\nsignal.raise_signal({int(number)})\nfinished = True\n"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with interruptible(owns_process=False) as interruption:
        module = importlib.import_module(name)
        assert module.finished
        with pytest.raises(KeyboardInterrupt):
            time.sleep(20)
        assert interruption()
