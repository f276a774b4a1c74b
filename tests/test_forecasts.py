"""Forecasts: inferred final values with an interval, as reports and never as measurements."""

import json
from dataclasses import replace

import pytest

from nas.cli.progress import ProgressDisplay
from nas.metrics import Direction, metric
from nas.study import TrialFinished
from nas.study.inference import Forecast, Forecasts
from nas.study.judging import JUDGES
from nas.study.study import Study
from nas.study.trial import TrialState
from tests.memory_store import MemoryStore
from tests.studies import WalkSampler, run_all, run_one, small_spec
from tests.test_inference import EPOCH, ERROR, LAST, curve, made_up, stopped

GOOD = stopped(curve(99, 0.7, 0.5, 0.3))  # the training loss tells a final error of 6 %


def test_a_forecast_has_an_interval_within_the_bounds_of_the_metric() -> None:
    found = Forecasts(ERROR).of(made_up(20), GOOD)
    assert found is not None
    assert (found.epoch, found.complete) == (EPOCH, 20)
    assert 0 <= found.value.low < found.value.value < found.value.high <= 1
    assert found.value.value < 0.15
    assert Forecast.of(json.loads(json.dumps(found.report()))) == found
    assert found.words(LAST).startswith(f"{100 * found.value.value:.2f} % after 9 epochs (")


def test_a_forecast_beyond_the_bounds_is_the_bound() -> None:
    found = Forecasts(ERROR).of(made_up(20), stopped(curve(99, 1.0, 0.5, 100.0)))
    assert found is not None
    assert found.value.low <= found.value.value == found.value.high == 1


def test_a_maximised_metric_is_forecast_in_its_own_direction() -> None:
    near = replace(metric("top1_error"), name="near", direction=Direction.MAXIMISE, highest=1.0)
    trials = [
        replace(trial, measurements=tuple(
            replace(m, metrics={"near": 1 - m.metrics["top1_error"]}) for m in trial.measurements
        ))
        for trial in [*made_up(20), GOOD]
    ]  # fmt: skip
    found = Forecasts(near).of(trials[:-1], trials[-1])
    assert found is not None
    assert 0 <= found.value.low < found.value.value < found.value.high <= 1
    assert found.value.value > 0.6


def test_too_few_complete_trials_and_no_measurement_give_no_forecast() -> None:
    forecasts = Forecasts(ERROR)
    assert forecasts.of(made_up(2), GOOD) is None
    assert forecasts.of(made_up(20), replace(GOOD, measurements=())) is None


def test_a_further_complete_trial_is_learnt_from() -> None:
    forecasts, trials = Forecasts(ERROR), made_up(21)
    first = forecasts.of(trials[:20], GOOD)
    assert forecasts.of([*trials[:20], replace(stopped(trials[20]), number=50)], GOOD) == first
    later = forecasts.of(trials, GOOD)
    assert first is not None
    assert later is not None
    assert (later.complete, later == Forecasts(ERROR).of(trials, GOOD)) == (21, True)
    assert later.value != first.value


@pytest.mark.parametrize("judge", JUDGES)
def test_a_stopped_trial_has_its_forecast_as_a_report_and_not_as_a_measurement(judge: str) -> None:
    store = MemoryStore()
    spec = small_spec(num_trials=24, rungs=(1, 4), judge=judge)
    trials = run_all(Study(spec, store, WalkSampler(spec)))
    stopped_ones = [trial for trial in trials if trial.state is TrialState.STOPPED]
    assert stopped_ones
    reports = store.reports["study"]
    assert set(reports) <= {trial.number for trial in stopped_ones}
    assert set(reports) >= {trial.number for trial in stopped_ones[-3:]}
    for number, kinds in reports.items():
        inferred = kinds["inferred"]
        assert inferred["metric"] == "top1_error"
        assert inferred["low"] <= inferred["value"] <= inferred["high"]
        assert inferred["epoch"] == trials[number].last.epoch == 1
        assert [m.epoch for m in trials[number].measurements] == [1]


def test_the_line_of_a_stopped_trial_has_its_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    store, spec = MemoryStore(), small_spec(num_trials=24, rungs=(1, 4))
    study = Study(spec, store, WalkSampler(spec))
    with ProgressDisplay(study, quiet=False) as display:
        while (trial := run_one(study)) is not None:
            display.watch(TrialFinished(trial))
    lines = capsys.readouterr().out.splitlines()
    shown = {
        n: Forecast.of(kinds["inferred"]).words(4) for n, kinds in store.reports["study"].items()
    }
    assert shown
    for trial in study.trials:
        line = next(line for line in lines if line.startswith(f"trial {trial.number} "))
        assert ("inferred" in line) == (trial.number in shown)
        assert trial.number not in shown or f"(inferred: {shown[trial.number]})" in line
