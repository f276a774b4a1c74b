"""A study with a time limit: its end, its messages, and its continuation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cli.progress import ProgressDisplay
from nas.errors import NasError
from nas.study.execution import TrialFinished, WorkersReady
from nas.study.spec import UNCOUNTED, StudySpec
from nas.study.study import Study
from nas.study.time_limit import searched_for
from nas.study.trial import TrialState
from nas.units import parse_duration
from tests.faulted import INTERRUPTED
from tests.memory_store import MemoryStore
from tests.messages import carries
from tests.studies import WalkSampler, run_all, run_one, small_spec, study_view

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limited(store: MemoryStore, clock: Clock, **changed: Any) -> Study:
    changed = {"num_trials": UNCOUNTED, "time_limit": 60.0, "confirm": 2, "seeds": 2, **changed}
    spec = small_spec(**changed)
    return Study(spec, store, WalkSampler(spec), clock)


def ran(study: Study, clock: Clock, seconds: float, trials: int) -> None:
    for _ in range(trials):
        run_one(study)
        clock.now += seconds


def test_no_candidate_is_begun_after_the_time_and_the_best_are_confirmed() -> None:
    clock = Clock()
    study = limited(MemoryStore(), clock)
    clock.now += 500.0  # the workers start: nothing has been asked for yet
    assert (study.time_left, study.planned()) == (60.0, None)
    ran(study, clock, 5.0, 12)
    assert (study.time_left, len(study.candidates)) == (0.0, 10)  # and two references
    assert study.planned() == 14
    trials = run_all(study)
    assert [trial.replicate_of is not None for trial in trials[12:]] == [True, True]
    assert not study.exhausted


def test_what_was_begun_in_time_goes_to_its_end() -> None:
    clock = Clock()
    study = limited(MemoryStore(), clock, published=False, confirm=0)
    trial = study.ask()
    clock.now += 61.0
    assert study.ask() is None
    study.requeue(trial.number, INTERRUPTED)
    assert run_one(study).number == trial.number
    assert study.ask() is None


def test_the_number_of_candidates_may_end_it_as_well() -> None:
    study = limited(MemoryStore(), Clock(), num_trials=5, published=False, confirm=0)
    assert (study.planned(), study.time_left) == (5, 60.0)
    assert len(run_all(study)) == 5
    assert study.time_left == 0.0


def test_a_later_run_has_what_an_earlier_one_left() -> None:
    store, clock = MemoryStore(), Clock()
    study = limited(store, clock, published=False)
    ran(study, clock, 1.0, 4)
    study.ask()
    ends = [30.0, 30.0, 45.0, 270.0]  # at once, half in parallel, and after a pause
    later = MemoryStore()
    for trial, end, took in zip(
        store.trials("study"), [*ends, 0.0], (30, 30, 30, 5, 0), strict=True
    ):
        if trial.state.finished:
            trial = replace(trial, finished_at=START + timedelta(seconds=end), seconds=float(took))
        later.insert_trial("study", trial)
    again = limited(later, clock, published=False)
    assert again.time_left == pytest.approx(60.0 - 45.0 - 5.0)
    clock.now += 100.0
    assert again.time_left == pytest.approx(10.0)  # it has not begun
    again.ask()
    clock.now += 11.0
    assert again.time_left == 0.0


@pytest.mark.parametrize("confirm", [0, 2])
def test_a_study_that_has_ended_is_not_gone_on_with(confirm: int) -> None:
    store, clock = MemoryStore(), Clock()
    study = limited(store, clock, confirm=confirm)
    ran(study, clock, 20.0, 3)
    ended = run_all(study)
    again = limited(store, clock, confirm=confirm)
    assert again.ask() is None
    assert (len(again.trials), again.planned()) == (len(ended), len(ended))
    assert not again.exhausted


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8))
def test_the_time_searched_is_that_in_which_anything_was_in_training(
    spans: list[tuple[int, int]],
) -> None:
    plain = limited(MemoryStore(), Clock()).ask()
    trials = [
        replace(
            plain,
            state=TrialState.STOPPED,
            finished_at=START + timedelta(seconds=start + length),
            seconds=float(length),
        )
        for start, length in spans
    ]
    busy = {second for start, length in spans for second in range(start, start + length)}
    assert searched_for(trials) == pytest.approx(len(busy), abs=1e-5)
    assert searched_for([replace(trial, origin="other/1") for trial in trials]) == 0.0
    assert searched_for([replace(trial, replicate_of=1) for trial in trials]) == 0.0


def test_the_lines_say_how_much_time_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    study = limited(MemoryStore(), clock, published=False)
    with ProgressDisplay(study, quiet=False) as progress:
        progress.watch(WorkersReady(1))
        for _ in range(3):
            trial = run_one(study)
            progress.watch(TrialFinished(trial))
        clock.now += 60.0
        progress.watch(TrialFinished(run_one(study) or trial))
    lines = capsys.readouterr().out.splitlines()[1:]
    assert "|  1 finished, 0 running" in lines[0]
    assert "about 1 min 00 s left" in lines[0]  # the training of these trials takes no time
    assert "|  4/4 finished" in lines[-1]


def test_pages_and_stored_settings_know_of_it() -> None:
    clock, store = Clock(), MemoryStore()
    study = limited(store, clock)
    ran(study, clock, 10.0, 4)
    view = study_view(study.spec, study.trials, state="RUNNING")
    assert (view.planned, view.done) == (None, False)
    assert " 4 trials ended" in view.summary or "; 4 ended" in view.summary
    settings = dict(view.settings)
    assert carries(settings["Trials"], "1 min 00 s")
    assert settings["Sampler"] == "walk, seed 7"
    clock.now += 60.0
    trials = run_all(study)
    view = study_view(study.spec, trials, state="COMPLETE")
    assert (view.planned, view.done) == (len(trials), True)
    assert StudySpec.from_json(study.spec.to_json()) == study.spec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20m", 1200), ("20 min", 1200), ("1h30m", 5400), ("45s", 45), ("0.5h", 1800), ("1H", 3600)],
)
def test_time_spans_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "20", "0m", "m", "-5m", "1m1h", "an hour", "1d"])
def test_other_words_are_no_time_span(text: str) -> None:
    with pytest.raises(NasError, match="is not a time span") as caught:
        parse_duration(text)
    assert "20m" in caught.value.remedy
