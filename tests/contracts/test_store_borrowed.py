"""Borrowed trainings in every database: frozen when a study is created, whatever happens later."""

import math
from dataclasses import replace

import pytest

from nas.cost.model import Cost
from nas.errors import NameTakenError
from nas.store import Store, open_store
from nas.study import Learnt, Trial
from nas.study.spec import StudySpec
from nas.study.trial import Measurement, TrialState
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial


def lent(spec: StudySpec) -> list[Trial]:
    """Return a complete, a stopped and a diverged training, as they are borrowed."""
    architecture = spec.space.published[0].architecture
    cost = Cost(5, 6, 7, 8)
    other = Measurement(1, 0, {"mae": 0.25, "map": math.nan}, 2.0, 3.0)
    rows = [
        (TrialState.COMPLETE, tuple(EPOCHS), None),
        (TrialState.STOPPED, (other,), None),
        (TrialState.FAILED, (), "nan"),
    ]
    return [
        Trial(at - 3, architecture, cost, state, 2**32 - 1 - at, measurements=measured,
              fail_reason=why, borrowed=f"earlier/{at}")
        for at, (state, measured, why) in enumerate(rows)
    ]  # fmt: skip


def test_borrowed_trainings_come_back_and_are_no_trials(store: Store, spec: StudySpec) -> None:
    learnt = replace(spec, name="second", learnt=(Learnt("earlier", 3, 3),))
    store.create_study(learnt, VERSIONS, lent(spec))
    assert repr(store.borrowed("second")) == repr(lent(spec))  # NaN is not NaN
    assert store.trials("second") == []
    assert store.borrowed("small") == []
    assert store.spec("second") == learnt


def test_a_numbered_study_keeps_what_it_borrowed(store: Store, spec: StudySpec) -> None:
    numbered = store.create_numbered(spec, VERSIONS, lent(spec))
    assert numbered.name == "small-2"
    assert len(store.borrowed("small-2")) == 3


def test_a_taken_name_leaves_no_borrowed_training(store: Store, spec: StudySpec) -> None:
    with pytest.raises(NameTakenError, match="exists already"):
        store.create_study(replace(spec, learnt=(Learnt("a", 1, 1),)), VERSIONS, lent(spec))
    assert store.borrowed("small") == []


def test_the_earlier_study_may_be_deleted_renamed_or_extended(
    store: Store, spec: StudySpec
) -> None:
    store.create_study(replace(spec, name="earlier"), VERSIONS)
    store.create_study(replace(spec, name="second"), VERSIONS, lent(spec))
    before = repr(store.borrowed("second"))
    store.insert_trial("earlier", trial(spec))
    store.finish_trial("earlier", 0, 1, COMPLETE)
    assert repr(store.borrowed("second")) == before
    with store.acquire("earlier"):
        store.rename_study("earlier", "renamed")
    assert repr(store.borrowed("second")) == before
    with store.acquire("renamed"):
        store.delete_study("renamed")
    assert repr(store.borrowed("second")) == before


def test_a_study_is_deleted_with_what_it_borrowed(
    store: Store, spec: StudySpec, store_url: str
) -> None:
    store.create_study(replace(spec, name="second"), VERSIONS, lent(spec))
    with store.acquire("second"):
        store.delete_study("second")
    store.create_study(replace(spec, name="second"), VERSIONS)
    with open_store(store_url) as again:
        assert again.borrowed("second") == []


def test_studies_are_told_apart_by_the_packages_that_trained_them(
    store: Store, spec: StudySpec
) -> None:
    store.create_study(replace(spec, name="old"), {**VERSIONS, "nas": "0.0"})
    store.create_study(replace(spec, name="torch"), {**VERSIONS, "torch": "9"})
    found = store.earlier_studies(spec, VERSIONS)
    assert found == {"small": [], "old": ["nas: 0.1, not 0.0"], "torch": []}
