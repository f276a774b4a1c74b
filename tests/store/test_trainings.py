"""Trainings in the store: whole, once for each seed, readable without a study."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import StoreError
from nas.store import Training, open_store

CONTENT = {"run": {"test": {"top1_error": 0.25}, "history": [{"epoch": 1, "loss": 2.0}]}, "ü": None}
ONE = Training("igcv3-d-1.0-cifar10-short-abc123", 0, "9e6bf852e16c", CONTENT)


def test_a_training_comes_back_as_it_was_and_when(store_url: str) -> None:
    with open_store(store_url) as store:
        store.record_training(ONE)
        store.record_training(replace(ONE, name="other", study="small", trial=3))
    with open_store(store_url, read_only=True) as store:
        one, other = store.trainings()
        assert store.trainings("other") == [other]
        assert store.trainings("nothing") == []
        assert store.studies() == []
    assert one.created_at is not None
    assert abs(datetime.now(UTC) - one.created_at) < timedelta(minutes=5)
    assert replace(one, created_at=None) == ONE
    assert (other.study, other.trial) == ("small", 3)


def test_replicates_stand_together_and_the_same_is_entered_once(store_url: str) -> None:
    with open_store(store_url) as store:
        for name, seed in (("a", 1), ("b", 0), ("a", 0), ("a", 1)):
            store.record_training(replace(ONE, name=name, seed=seed))
        assert [(one.name, one.seed) for one in store.trainings()] == [("a", 0), ("a", 1), ("b", 0)]
        before = store.trainings("a")
        store.record_training(replace(ONE, name="a", seed=1, content={"again": True}))
        zero, one = store.trainings("a")
        assert zero == before[0]
        assert one.content == {"again": True}


def test_a_read_only_store_takes_none(store_url: str) -> None:
    open_store(store_url).close()
    with open_store(store_url, read_only=True) as store:
        with pytest.raises(StoreError):
            store.record_training(ONE)
        assert store.trainings() == []


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=15, deadline=None)
@given(content=st.dictionaries(st.text(max_size=8), values, max_size=4))
def test_any_content_survives(tmp_path_factory, content) -> None:
    path = tmp_path_factory.mktemp("store") / "nas.db"
    with open_store(str(path)) as store:
        store.record_training(replace(ONE, content=content))
        assert store.trainings()[0].content == content
