"""The warning about a training that is worse than guessing after its first images."""

import math

import pytest

from nas.cli.progress import ProgressDisplay
from nas.results import StudyResults, trial_details
from nas.study import (
    DataIdentity,
    Decision,
    Measurement,
    Outcome,
    Study,
    StudySpec,
    TrialMeasured,
    TrialState,
    divergence,
)
from tests.classified import classified
from tests.memory_store import MemoryStore
from tests.messages import carries
from tests.studies import WalkSampler, small_spec, study_view

IMAGES = DataIdentity("a" * 64, 2_000, 8, 8, classes=10)
FEW = DataIdentity("a" * 64, 1_079, 8, 8, classes=10)


def first_epoch(train_loss: float, epoch: int = 1) -> Measurement:
    return classified(epoch, 0, 0.9, 2.3, train_loss, 1.0)


@pytest.mark.parametrize(
    ("spec", "measurement", "warned"),
    [
        (small_spec(data=IMAGES), first_epoch(2.31), True),
        (small_spec(data=IMAGES), first_epoch(math.inf), True),
        (small_spec(data=IMAGES), first_epoch(2.30), False),
        (small_spec(data=IMAGES), first_epoch(2.31, epoch=2), False),
        (small_spec(data=FEW), first_epoch(2.31), False),
        (small_spec(data=FEW), first_epoch(2.31, epoch=2), True),
        (small_spec(data=IMAGES), first_epoch(math.nan), True),
        (small_spec(data=DataIdentity("a" * 64, 5_000, 8, 8)), first_epoch(9.0), False),
        (small_spec(data=DataIdentity("a" * 64, 5_000, 8, 8, classes=2)), first_epoch(0.7), True),
        (small_spec(data=IMAGES, recipe="epoch_images = 500\n"), first_epoch(2.31), False),
        (small_spec(data=IMAGES, recipe="epoch_images = 500\n"), first_epoch(2.31, epoch=4), True),
        (small_spec(), first_epoch(9.0), False),
        (small_spec(data=IMAGES, teachers=("s#1",)), first_epoch(9.0), False),
    ],
    ids=[
        "above",
        "infinite",
        "below",
        "later",
        "warm-up",
        "after few images",
        "no number",
        "no classification",
        "two classes",
        "first part of a pass",
        "after several parts",
        "unknown",
        "taught",
    ],
)
def test_above_the_loss_of_guessing(
    spec: StudySpec, measurement: Measurement, warned: bool
) -> None:
    text = divergence(spec, measurement)
    assert bool(text) == warned
    assert not warned or carries(text, f"ln({spec.data.classes if spec.data else 0})")


def run(study: Study, losses: list[float], display: ProgressDisplay) -> None:
    """Run one trial for each first training loss, to its end or to the rung that stops it."""
    for loss in losses:
        trial = study.ask()
        assert trial is not None
        for epoch in range(1, study.spec.ladder.max_epochs + 1):
            rung = study.spec.ladder.rung(epoch)
            found = classified(epoch, rung, 0.5, 1.5, loss if epoch == 1 else 1.0, 1.0)
            decision = study.record(trial.number, trial.attempt, found)
            display.watch(TrialMeasured(study.trial(trial.number), found))
            if decision is Decision.STOP:
                break
        state = TrialState.STOPPED if decision is Decision.STOP else TrialState.COMPLETE
        study.finish(trial.number, trial.attempt, Outcome(state, 1.0))


def test_it_is_recorded_with_the_trial_and_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    spec, store = small_spec(data=IMAGES, published=False), MemoryStore()
    store.create_study(spec)
    study = Study(spec, store, WalkSampler(spec))
    with ProgressDisplay(study, quiet=False) as display:
        run(study, [1.5, 2.5, 3.5], display)
    printed = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert len(printed) == 1
    assert carries(printed[0], "trial 1 … diverges … 2.500 … ln(10) … lr")
    reports = store.reports[spec.name]
    found = StudyResults(spec, study.trials, reports)
    notes = [trial_details(trial, found)["note"] for trial in study.trials]
    assert notes[0] is None
    assert [carries(note, "diverges … ln(10)") for note in notes[1:]] == [True, True]
    points = {point.number: point.note for point in study_view(spec, study.trials, reports).points}
    assert points[0] is None
    assert "diverges" in str(points[1])
    again = Study(spec, store, WalkSampler(spec))
    assert not any(again.halved(number) for number in range(3))  # it is no note on batches


def test_a_repeated_trial_may_diverge_by_another_loss() -> None:
    spec, store = small_spec(data=IMAGES, published=False), MemoryStore()
    store.create_study(spec)
    study = Study(spec, store, WalkSampler(spec))
    first = study.ask()
    assert first is not None
    study.record(first.number, first.attempt, first_epoch(2.5))
    failed = Outcome(TrialState.FAILED, 1.0, "worker_lost", "its worker ended")
    study.finish(first.number, first.attempt, failed)
    again = Study(spec, store, WalkSampler(spec))
    assert again.retry_failed() == [first.number]
    second = again.ask()
    assert second is not None
    again.record(second.number, second.attempt, first_epoch(2.501))  # by another kind of GPU
    again.finish(second.number, second.attempt, Outcome(TrialState.STOPPED, 1.0))
    assert "2.501" in store.reports[spec.name][first.number]["warning"]["text"]
