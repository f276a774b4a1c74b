"""The example of a task and metrics in docs/plugins.md: installed as it is printed, and trained."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from nas.metrics import metric
from nas.results import StudyResults, trial_record
from nas.space import load_space
from nas.study import TASKS, Decision, Measurement, TaskKind, TaskRequest, Trial, objective
from tests.distributions import install
from tests.studies import complete_trial, small_spec, study_view

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaskKind:
    """The kind of the task, from an installed package."""
    section = PAGE[PAGE.index("`nas_stripes.py`:") :]
    code, entries = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)[:2]
    groups = tomllib.loads(entries)["project"]["entry-points"]
    install(tmp_path, "nas-stripes", groups, {"nas_stripes": code})
    monkeypatch.syspath_prepend(tmp_path)
    return TASKS.load("stripes")


def test_the_task_of_the_page_trains_a_network(stripes: TaskKind) -> None:
    from nas.space import lower
    from nas.training import Session, load_recipe

    task = stripes.load(TaskRequest("stripes"))
    space = load_space("igcv3")
    layers = lower(
        space, space.published[0].architecture, task.input, task.outputs, head=stripes.head
    )
    session = Session(layers, task, load_recipe(stripes.recipe), 1, seed=0, device="cpu")
    found = session.run_epoch()
    assert found.metrics.keys() == set(stripes.metrics)
    assert 0 <= found.metrics["stripes_near"] <= 1
    assert session.test().keys() == set(stripes.metrics)


@pytest.mark.usefixtures("stripes")
def test_the_metrics_of_the_page_are_objectives() -> None:
    near = objective("stripes_near")
    assert near.loss(0.9) < near.loss(0.1)
    assert near.show(0.5) == "50.0 %"
    assert metric("stripe_error").show(0.5) == "0.500 stripes"


@pytest.mark.usefixtures("stripes")
def test_more_of_a_maximised_metric_is_better() -> None:
    spec = small_spec(
        task="stripes", metrics=("stripes_near", "stripe_error"),
        objectives=("stripes_near", "madds"), reference_point=(0.0, 1000.0), published=False,
    )  # fmt: skip

    def complete(number: int, near: float, madds: int) -> Trial:
        metrics = {"stripes_near": near, "stripe_error": 1 - near}
        done = complete_trial(number, 0.0, madds)
        return replace(done, measurements=(Measurement(4, 2, metrics, 0.1, 1.0),))

    trials = [complete(0, 0.9, 500), complete(1, 0.5, 400), complete(2, 0.4, 600)]
    found = StudyResults(spec, trials)
    assert found.best == trials[0]
    assert [trial.number for trial in found.front] == [1, 0]
    view = study_view(spec, trials)
    assert view.hypervolume == pytest.approx((0.9 * 500 + 0.5 * 100) / 1000)
    assert [step.share for step in view.progress] == sorted(step.share for step in view.progress)
    assert "best 90.0 % (1 seed)" in view.summary
    record = trial_record(trials[0], found)
    assert (record["stripes_near"], record["stripe_error"]) == (0.9, pytest.approx(0.1))


@pytest.mark.usefixtures("stripes")
def test_trials_with_more_of_a_maximised_metric_go_on() -> None:
    spec = small_spec(task="stripes", metrics=("stripes_near", "stripe_error"),
                      objectives=("stripes_near",), reference_point=(0.0,))  # fmt: skip
    early = [Measurement(1, 0, {"stripes_near": near}, 0.1, 1.0) for near in (0.9, 0.1)]
    trials = [replace(complete_trial(n, 0.0), measurements=(one,)) for n, one in enumerate(early)]
    decisions = [
        spec.judging.decide(trials, trial, one) for trial, one in zip(trials, early, strict=True)
    ]
    assert decisions == [Decision.CONTINUE, Decision.STOP]


@pytest.mark.usefixtures("stripes")
def test_a_verdict_of_a_maximised_metric_says_which_is_higher() -> None:
    spec = small_spec(task="stripes", metrics=("stripes_near", "stripe_error"),
                      objectives=("stripes_near",), reference_point=(0.0,))  # fmt: skip
    metrics = {"stripes_near": 0.9, "stripe_error": 0.1}
    best = replace(complete_trial(0, 0.0), measurements=(Measurement(4, 2, metrics, 0.1, 1.0),))
    reference = replace(best, number=1, reference="igcv3-d")
    reports = {
        0: {"test": {"stripes_near": 0.9, "stripe_error": 0.1, "images": 400.0}},
        1: {"test": {"stripes_near": 0.6, "stripe_error": 0.4, "images": 400.0}},
    }
    verdict = StudyResults(spec, [best, reference], reports).verdict(1)
    assert verdict is not None
    assert str(verdict).startswith("higher near than igcv3-d by 2")
