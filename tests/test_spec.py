"""The definition of a study: its JSON, written and read."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost.budget import Constraint
from nas.metrics import Direction
from nas.study.spec import StudySpec
from tests.studies import small_spec

counts = st.integers(1, 10**9)
names = st.text(min_size=1, max_size=20)
constraints = st.builds(Constraint, st.sampled_from(["madds", "params", "acts"]), counts)
specs = st.builds(
    replace,
    st.just(small_spec()),
    name=names,
    budget=st.lists(constraints, max_size=3).map(tuple),
    classes=counts,
    task=names,
    data_dir=st.none() | names,
    recipe=st.text(max_size=40),
    rungs=st.lists(counts, min_size=1, max_size=4, unique=True).map(sorted).map(tuple),
    reference_point=st.lists(st.floats(allow_nan=False), max_size=3).map(tuple),
    published=st.booleans(),
    seed=st.integers(0, 2**63),
)


@settings(deadline=None)
@given(specs)
def test_a_spec_reads_back_from_its_json(spec: Any) -> None:
    again = StudySpec.from_json(spec.to_json())
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.differences(spec) == []


def test_a_spec_knows_its_space_its_ladder_and_its_goals() -> None:
    spec = small_spec()
    assert spec.space.name == "small"
    assert spec.deployment == (3, 32, 32)
    assert spec.ladder.max_epochs == 4
    assert [goal.name for goal in spec.goals] == ["top1_error", "madds"]
    assert all(goal.direction is Direction.MINIMISE for goal in spec.goals)


def test_differences_are_named_one_by_one() -> None:
    one = small_spec()
    other = small_spec(seed=8, budget=(Constraint("params", 5),), space_text=one.space_text + "\n")
    lines = one.differences(other)
    assert len(lines) == 3
    assert "seed: 7, not 8" in lines
    assert any(line.startswith("space_text: ") for line in lines)
    assert any(line.startswith("budget: ") for line in lines)
