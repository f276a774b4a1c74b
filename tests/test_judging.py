"""Judging: what trials are compared by at the rungs of a study, and the forecasts."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nas.study.judging import BY_ERROR, INFERRED
from nas.study.rungs import Decision
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_all, run_one, small_spec
from tests.test_inference import EPOCH, LAST, curve, made_up, stopped

SPEC = small_spec(rungs=(EPOCH, LAST), eta=2, objectives=("top1_error",), reference_point=(1.0,),
                  budget=())  # fmt: skip
RULE, OLD = replace(SPEC, judge=INFERRED).judging, SPEC.judging


def decided(rule: Any, trials: list[Trial], own: Trial) -> Decision:
    decision: Decision = rule.decide([*trials, own], own, own.measurements[EPOCH - 1])
    return decision


def probe(early: float, train: float) -> Trial:
    return replace(stopped(curve(99, early, 0.5, train)), state=TrialState.RUNNING)


# The training loss of a good network is low (5 times its final error); its error at the rung lies.
GOOD, BAD = probe(0.7, 0.3), probe(0.3, 2.4)


def test_six_complete_trials_let_the_training_loss_decide() -> None:
    trials = made_up(20)
    assert [decided(OLD, trials, one) for one in (GOOD, BAD)] == [Decision.STOP, Decision.CONTINUE]
    assert [decided(RULE, trials, one) for one in (GOOD, BAD)] == [Decision.CONTINUE, Decision.STOP]


def test_below_six_complete_trials_both_rules_are_one() -> None:
    for seed in range(20):
        trials = [t if n < 5 else stopped(t) for n, t in enumerate(made_up(14, seed))]
        for one in (GOOD, BAD, *(replace(t, number=99) for t in map(stopped, made_up(4, 50)))):
            assert decided(RULE, trials, one) == decided(OLD, trials, one)


def test_references_tell_how_curves_end_but_are_not_compared() -> None:
    trials = [replace(t, reference=f"r{t.number}") for t in made_up(20)]
    for one in (GOOD, BAD):
        assert decided(RULE, trials, one) is Decision.CONTINUE  # nobody else reached the rung
        others = [stopped(replace(t, number=t.number + 50)) for t in made_up(20, 5)]
        expected = Decision.CONTINUE if one is GOOD else Decision.STOP
        assert decided(RULE, [*trials, *others], one) is expected


def test_what_runs_elsewhere_changes_no_inference() -> None:
    trials, running = (
        made_up(20),
        [replace(stopped(t), number=t.number + 50) for t in made_up(3, 2)],
    )
    for one in (GOOD, BAD):
        later = [replace(t, state=TrialState.RUNNING, measurements=()) for t in running]
        assert decided(RULE, [*trials, *later], one) == decided(RULE, trials, one)


def study(store: MemoryStore, **changed: Any) -> Study:
    spec = small_spec(num_trials=24, rungs=(1, 4), judge=INFERRED, **changed)
    return Study(spec, store, WalkSampler(spec))


def test_a_resumed_study_decides_and_infers_the_same() -> None:
    whole, parts = MemoryStore(), MemoryStore()
    expected = run_all(study(whole))
    for _ in range(100):
        if run_one(study(parts)) is None:  # read from the record before every trial
            break
    found = parts.trials("study")
    assert [(t.state, t.measurements) for t in found] == [
        (t.state, t.measurements) for t in expected
    ]
    assert parts.reports == whole.reports


def test_a_study_of_an_earlier_version_keeps_its_rule() -> None:
    fields = json.loads(small_spec().to_json())
    del fields["judge"]
    assert StudySpec.from_json(json.dumps(fields)).judge == BY_ERROR
    assert StudySpec.from_json(small_spec(judge=INFERRED).to_json()).judging.by == INFERRED


@pytest.mark.parametrize("judge", [INFERRED, BY_ERROR])
def test_references_and_last_rungs_are_never_stopped_early(judge: str) -> None:
    rule = replace(SPEC, judge=judge).judging
    trials, last = made_up(20), made_up(1, 3)[0]
    reference = replace(BAD, reference="known")
    assert decided(rule, trials, reference) is Decision.CONTINUE
    assert rule.decide(trials, last, last.last) is Decision.STOP
