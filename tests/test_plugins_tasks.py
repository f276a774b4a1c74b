"""The example of a task and metrics in docs/plugins.md: installed as it is printed, and trained."""

import re
import tomllib
from pathlib import Path

import pytest

from nas.metrics import metric
from nas.space import load_space
from nas.study import TASKS, TaskRequest, objective
from tests.distributions import install

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The kind of the task, from an installed package."""
    section = PAGE[PAGE.index("`nas_stripes.py`:") :]
    code, entries = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)[:2]
    groups = tomllib.loads(entries)["project"]["entry-points"]
    install(tmp_path, "nas-stripes", groups, {"nas_stripes": code})
    monkeypatch.syspath_prepend(tmp_path)
    return TASKS.load("stripes")


def test_the_task_of_the_page_trains_a_network(stripes):
    from nas.space import lower
    from nas.training import Session, load_recipe

    task = stripes.load(TaskRequest("stripes"))
    space = load_space("igcv3")
    layers = lower(space, space.published[0].architecture, task.input, stripes.head)
    session = Session(layers, task, load_recipe(stripes.recipe), 1, seed=0, device="cpu")
    found = session.run_epoch()
    assert found.metrics.keys() == set(stripes.metrics)
    assert 0 <= found.metrics["stripes_near"] <= 1
    assert session.test().keys() == set(stripes.metrics)


@pytest.mark.usefixtures("stripes")
def test_the_metrics_of_the_page_are_objectives():
    near = objective("stripes_near")
    assert near.loss(0.9) < near.loss(0.1)
    assert near.show(0.5) == "50.0 %"
    assert metric("stripe_error").show(0.5) == "0.500 stripes"
