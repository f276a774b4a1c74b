"""Signals within blocks that must not be divided."""

import signal

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
