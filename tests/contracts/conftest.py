"""A store of every kind with one study, for the suites that all of them must pass."""

from collections.abc import Iterator

import pytest

from nas.store import Store, open_store
from nas.study.spec import StudySpec
from tests.store.rows import VERSIONS


@pytest.fixture
def store(store_url: str, spec: StudySpec) -> Iterator[Store]:
    """An open store, in which the study `small` has just been entered."""
    with open_store(store_url) as opened:
        opened.create_study(spec, VERSIONS)
        yield opened
