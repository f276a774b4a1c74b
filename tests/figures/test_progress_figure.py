"""The progress: the best within the budget and the hypervolume, by trainings, time, device time."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.figures import ProgressBy, ProgressOf, ProgressOptions, progress_figure, progress_text
from nas.store import open_store
from nas.study import TrialState
from nas.study.trial import Outcome
from tests.figures.drawn_study import START, make_spec, make_trials, make_view
from tests.figures.stored import store_study
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = make_view(SPEC)
BEST = ProgressOptions(ProgressOf.BEST)
DEVICES = ProgressOptions(ProgressOf.BEST, ProgressBy.DEVICE_TIME)


def words(figure: Any) -> str:
    assert not figure.data
    return str(figure.layout.annotations[0].text)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(len(TRIALS))))
def test_the_best_is_that_of_every_prefix_without_references(order: list[int]) -> None:
    timed = [replace(t, finished_at=START + timedelta(seconds=order[t.number])) for t in TRIALS]
    ended = [t for t in timed if t.candidate and t.state.finished]
    ended.sort(key=lambda t: t.finished_at)
    drawn = progress_figure(study_view(SPEC, timed), options=BEST).data[0]
    found = dict(zip(drawn.x, drawn.y, strict=True))
    for count in range(1, len(ended) + 1):
        complete = [t for t in ended[:count] if t.state is TrialState.COMPLETE]
        shown = [value for finished, value in found.items() if finished <= count]
        wanted = [100 * min(t.value("top1_error") for t in complete)] if complete else []
        assert shown[-1:] == pytest.approx(wanted)


def test_wall_time_has_interruptions_and_begins_with_the_first_trial() -> None:
    late = [
        replace(t, finished_at=t.finished_at + timedelta(hours=5)) if t.state.finished else t
        for t in TRIALS
    ]
    figure = progress_figure(
        study_view(SPEC, late), options=ProgressOptions(by=ProgressBy.WALL_TIME)
    )
    last = max(t.finished_at for t in late if t.candidate and t.finished_at)
    assert figure.data[0].x[0] == 0
    assert figure.data[0].x[-1] == pytest.approx((last - START).total_seconds() / 3600)
    assert "hours" in figure.layout.xaxis.title.text
    assert "interruptions included" in " ".join(figure.layout.xaxis.title.text.split("<br>"))


def test_device_time_is_that_of_the_attempts_that_ended_until_then() -> None:
    spent = [(end, 60.0) for end in sorted(t.finished_at for t in TRIALS if t.finished_at)]
    drawn = progress_figure(VIEW, options=DEVICES, spent=spent).data[0]
    steps = [step for step in VIEW.progress if step.best is not None]
    wanted = [sum(end.timestamp() <= step.time for end, _ in spent) for step in steps]
    assert list(drawn.x) == pytest.approx(wanted)  # minutes


@pytest.mark.parametrize(("of", "by"), list(product(ProgressOf, ProgressBy)))
def test_no_choice_is_blank(of: ProgressOf, by: ProgressBy) -> None:
    options = ProgressOptions(of, by)
    assert words(progress_figure(study_view(SPEC, []), options=options))
    failed = [t for t in TRIALS if t.state is TrialState.FAILED]
    figure = progress_figure(study_view(SPEC, failed), options=options)
    assert figure.data or words(figure)
    assert progress_text(VIEW, options)


def test_an_old_study_without_device_times_says_so() -> None:
    assert "device time" in words(progress_figure(VIEW, options=DEVICES))


def test_a_store_gives_the_device_time_of_every_attempt_that_has_it(tmp_path: Path) -> None:
    path, complete = tmp_path / "nas.db", TRIALS[:4]
    store_study(path, SPEC, complete[:2])  # without device times
    with open_store(str(path)) as store:
        assert store.device_seconds(SPEC.name) == []
        for trial in complete[2:]:
            begun = replace(trial, state=TrialState.RUNNING, measurements=(), attempt=1)
            store.insert_trial(SPEC.name, begun)
            outcome = Outcome(TrialState.FAILED, 1.0, "nan", "", device_seconds=30.0 + trial.number)
            store.finish_trial(SPEC.name, trial.number, 1, outcome)
        found = store.device_seconds(SPEC.name)
    assert [seconds for _, seconds in found] == [32.0, 33.0]
    assert [end for end, _ in found] == sorted(end for end, _ in found)
