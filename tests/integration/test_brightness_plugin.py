"""A task and metrics of another package: a regression that is searched, shown and exported."""

import csv
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nas.metrics import metric
from nas.study import TASKS, TaskRequest
from tests.cli.runner import call_here, run_nas
from tests.distributions import install

pytestmark = pytest.mark.timeout(300)
PACKAGE = Path(__file__).parents[1] / "plugins" / "brightness"
SEARCH = (
    "search --space igcv3 --budget 20M-flops --task brightness --trials 2 --epochs 2 --confirm 1 "
    "--seeds 2 --study lamp --no-published --max-concurrent 1"
)


def put(site: Path) -> None:
    """Install the package into `site` as pip would."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    source = (PACKAGE / "nas_brightness.py").read_text()
    install(site, project["name"], project["entry-points"], {"nas_brightness": source})


class Shell:
    """Calls nas in a folder, with the package installed."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site

    def __call__(self, words: str, code: int = 0) -> str:
        done = call_here(self.folder, *words.split(), site=self.site)
        assert done.code == code, done
        return done.out + done.err


@pytest.fixture(scope="module")
def nas(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a complete study of the task."""
    site = tmp_path_factory.mktemp("site")
    put(site)
    folder = tmp_path_factory.mktemp("work")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    done = run_nas(folder, *SEARCH.split(), PYTHONPATH=path)  # its workers have the package too
    assert done.returncode == 0, done.stdout + done.stderr
    assert "val brightness error" in done.stdout
    return Shell(folder, site)


def test_commands_show_the_metric_with_its_label_and_unit(nas: Shell) -> None:
    for words in ("show lamp", "front lamp", "show lamp --trial 0", "list"):
        said = nas(words)
        assert "brightness error" in said, words
        assert "% of white" in said, words
    (study,) = json.loads(nas("list --json"))
    assert (study["metric"], study["best_error"]) == ("brightness_error", None)


def test_records_have_the_metrics_as_columns(nas: Shell) -> None:
    front = json.loads(nas("front lamp --json"))["front"][0]
    (row,) = csv.DictReader(io.StringIO(nas("front lamp --csv")))
    assert float(row["brightness_error"]) == front["brightness_error"] > 0
    assert front["seeds"] == 2
    assert front["brightness_square"] > 0
    assert "top1_error" not in front
    trial = json.loads(nas(f"show lamp --trial {front['trial']} --json"))
    assert {"brightness_error", "brightness_square"} < trial["curve"][0].keys()
    assert trial["parts"][-1]["part"] == "brightness"
    study = json.loads(nas("list --json"))[0]
    assert study["best"] == pytest.approx(front["brightness_error"])


def test_the_card_and_the_report_name_the_metric(nas: Shell) -> None:
    folder = nas.folder / "nas-results" / "lamp"
    card = json.loads((folder / "best" / "card.json").read_text())
    assert card["network"]["classes"] == 1
    assert card["network"]["class_names"] is None
    scores = card["training"]["scores"]
    assert scores["test"]["images"] == 120
    assert scores["test"]["brightness_error"] > 0
    assert "black 0, white 1" in card["training"]["units"]["brightness_error"]
    page = (folder / "report.html").read_text()
    assert "mean absolute error of the brightness" in page
    assert "top-1" not in page


def test_the_exported_files_compute_one_number(nas: Shell) -> None:
    folder = nas.folder / "nas-results" / "lamp" / "best"
    session = onnxruntime.InferenceSession(folder / "network.onnx")
    images = np.random.default_rng(0).standard_normal((4, 1, 8, 8)).astype(np.float32)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: images})
    assert outputs.shape == (4, 1)
    code = "import torch, network; print(network.build().eval()(torch.zeros(2, 1, 8, 8)).shape)"
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[2, 1]" in done.stdout


@pytest.mark.usefixtures("ray_ahead")
@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("--task brightness --objective loss", "brightness_error"),
        ("--task brightnes", "brightness"),
        ("--task brightness --data .", "brightness"),
        ("--task brightness --space nasnet-a", "nasnet-a"),
    ],
)
def test_a_search_that_does_not_fit_the_task_is_refused(nas: Shell, words: str, value: str) -> None:
    said = nas(f"search --budget 20M-flops {words}", code=2)
    assert value in said
    assert "Traceback" not in said


def test_a_study_of_a_package_that_is_gone_is_named(nas: Shell) -> None:
    assert "lamp" in run_nas(nas.folder, "list").stdout
    refused = run_nas(nas.folder, "show", "lamp")
    assert refused.returncode == 2
    assert "brightness_error" in refused.stderr
    assert "install" in refused.stderr


def test_the_task_brings_data_loss_and_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    put(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    kind = TASKS.load("brightness")
    task = kind.load(TaskRequest("brightness", seed=3, limit=100))
    assert [len(task.train), len(task.val), len(task.test)] == [100, 120, 120]
    assert (task.outputs, task.classes) == (1, 0)
    again = kind.load(TaskRequest("brightness", seed=3, limit=100))
    assert task.identity == again.identity
    assert torch.equal(task.val.labels, again.val.labels)
    targets = task.val.labels
    scores = task.goal.scores(torch.device("cpu"))
    for some in targets.split(50):
        scores.add(some + 0.25, some)
    found = scores.result()
    assert set(found) == set(kind.metrics)
    assert found["brightness_error"] == pytest.approx(0.25)
    assert float(task.goal.loss(targets + 0.25, targets)) == pytest.approx(0.0625)
    assert metric("brightness_error").show(found["brightness_error"]) == "25.00 % of white"
