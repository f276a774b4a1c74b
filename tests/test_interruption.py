"""Signals within blocks that must not be divided."""

import importlib
import signal
import time
from pathlib import Path
from types import ModuleType

import pytest

from nas.interruption import SIGNALS, interruptible, postponed, raise_if_held


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


def import_that_sends(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> ModuleType:
    """Import a module that sends this signal to its own process."""
    name = f"sends_signal_{int(number)}_{folder.name}"
    text = f"import signal\nsignal.raise_signal({int(number)})\nfinished = True\n"
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(name)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_import_is_finished_before_a_signal_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    told: list[str] = []
    with interruptible(False, on_delay=lambda: told.append("stopping")) as interruption:
        module = import_that_sends(tmp_path, monkeypatch, number)
        assert module.finished
        assert told == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            time.sleep(20)
        assert interruption()
    assert told == ["stopping"]


def test_nothing_slow_is_begun_after_a_signal_in_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interruptible(owns_process=False) as interruption:
        import_that_sends(tmp_path, monkeypatch, signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_if_held()
        assert interruption()
        time.sleep(0.2)  # the signal is not raised again
        raise_if_held()


def test_a_signal_that_waits_is_told_at_once() -> None:
    told: list[str] = []
    with interruptible(False, on_delay=lambda: told.append("stopping")) as interruption:
        with pytest.raises(KeyboardInterrupt), postponed():  # noqa: PT012
            signal.raise_signal(signal.SIGINT)
            assert told == ["stopping"]
        assert interruption()
