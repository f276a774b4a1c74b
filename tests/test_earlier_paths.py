"""The import path of an earlier version works, and `nas.train` stays callable."""

import pytest

import nas
from nas.errors import NasError
from nas.train.data import load_task


def test_data_sets_are_read_from_the_earlier_path() -> None:
    assert load_task("digits").classes == 10


def test_the_package_trains_when_it_is_called() -> None:
    with pytest.raises(NasError, match="nothing-like-it"):
        nas.train("x", space="nothing-like-it")
