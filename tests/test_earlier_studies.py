"""What a new search learns from the studies of a real database, also from a damaged one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError
from nas.feasible import FeasibleSpace
from nas.store import Store, open_store
from nas.study.study import Study
from nas.workflows.earlier_studies import borrow_history
from nas.workflows.requests import SearchRequest
from tests.studies import BUDGET, WalkSampler, run_one, small_spec

VERSIONS = {"nas": "test"}
SPEC = small_spec(name="second", sampler="predictor")
NAMED = SearchRequest(learn_from=("first",))
FEASIBLE = FeasibleSpace(SPEC.cost_models()["small"], BUDGET)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with the study `first` of twelve trials, one of which cannot be read."""
    earlier = small_spec(name="first", num_trials=12, published=False, confirm=0)
    with open_store(str(tmp_path / "nas.db")) as opened:
        opened.create_study(earlier, VERSIONS)
        with opened.acquire("first"):
            study = Study(earlier, opened, WalkSampler(earlier))
            while run_one(study) is not None:
                pass
        broken = next(trial.number for trial in study.trials if trial.final)
        with closing(sqlite3.connect(tmp_path / "nas.db")) as database, database:
            database.execute(
                "UPDATE nas_trial SET architecture = 'small:junk' WHERE number = ?", (broken,)
            )
        yield opened


@pytest.mark.parametrize("asked", [SearchRequest(), NAMED])
def test_a_trial_that_cannot_be_read_is_left_out(store: Store, asked: SearchRequest) -> None:
    finished = [t for t in store.trials("first") if t.last is not None and t.state.finished]
    borrowed, (learnt,) = borrow_history(store, SPEC, FEASIBLE, VERSIONS, asked)
    assert (learnt.study, learnt.trainings, learnt.of) == ("first", len(borrowed), len(borrowed))
    assert 0 < len(borrowed) < len(finished)
    assert all(trial.architecture.stages for trial in borrowed)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"seed": 9}, "seed: 9, not 7"),
        ({"rungs": (2, 4)}, "rungs: 2,4, not 1,2,4, and no trial is complete"),
    ],
)
def test_a_refusal_names_the_setting_that_differs(
    store: Store, tmp_path: Path, changed: dict[str, Any], differs: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "nas.db")) as database, database:
        database.execute("UPDATE nas_trial SET state = 'STOPPED', fail_reason = NULL")
    with pytest.raises(NasError) as refused:
        borrow_history(store, replace(SPEC, **changed), FEASIBLE, VERSIONS, NAMED)
    assert refused.value.cause == f"nothing can be learnt from first: {differs}."
