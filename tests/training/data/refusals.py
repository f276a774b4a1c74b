"""Data that no task can be made of."""

from typing import Any

import pytest

from nas.errors import TaskError
from nas.training.data import load_task
from tests.messages import carrying


def refused(match: str, *args: Any, **kwargs: Any) -> None:
    """Make sure that `load_task` refuses its arguments in one line, with a remedy."""
    with pytest.raises(TaskError, match=carrying(match)) as caught:
        load_task(*args, **kwargs)
    assert "\n" not in caught.value.cause + caught.value.remedy
    assert caught.value.remedy
