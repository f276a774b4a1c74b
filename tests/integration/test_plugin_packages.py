"""Two packages from outside bring all kinds of parts: one search trains, shows and exports them.

`example` has a block kind, a sampler and an export format; `brightness` a task, a regression on
images, and its metrics.
"""

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from nas.metrics import metric
from nas.space import load_space
from nas.study import TASKS, TaskRequest
from nas.testing import check_block_kind, check_export_format, check_sampler
from tests.cli.runner import call_here, run_nas
from tests.distributions import install

pytestmark = pytest.mark.timeout(300)

PLUGINS = Path(__file__).parents[1] / "plugins"
EXAMPLE = PLUGINS / "example"
SEARCH = (
    "search --space space.toml --budget 5M-flops --task brightness --sampler climb --format npz "
    "--format source --format onnx --study lamp --trials 3 --epochs 2 --confirm 1 --seeds 2 "
    "--max-concurrent 1"
)


def put_brightness(site: Path) -> None:
    """Install the package of the task into `site` as pip would."""
    package = PLUGINS / "brightness"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    source = (package / "nas_brightness.py").read_text()
    install(site, project["name"], project["entry-points"], {"nas_brightness": source})


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed the package of the block kind."""
    place = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, place / "source", ignore=shutil.ignore_patterns("__pycache__"))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target")
    words = [*install, str(place / "site"), str(place / "source")]
    pip = [sys.executable, "-m", "pip", *words]
    subprocess.run(pip, check=True, capture_output=True, timeout=240)
    return place / "site"


@pytest.fixture(scope="module")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the package of the task."""
    site = tmp_path_factory.mktemp("site")
    put_brightness(site)
    return site


@pytest.fixture(scope="module")
def both(example: Path, brightness: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both packages."""
    site = tmp_path_factory.mktemp("both") / "site"
    for package in (example, brightness):
        shutil.copytree(package, site, dirs_exist_ok=True)
    return site


class Shell:
    """Calls nas in a folder, with both packages installed."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site

    def __call__(self, words: str, code: int = 0) -> str:
        done = call_here(self.folder, *words.split(), site=self.site)
        assert done.code == code, done
        return done.out + done.err


@pytest.fixture(scope="module")
def nas(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a complete study of the task, the block kind and the sampler."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copy(EXAMPLE / "space.toml", folder)
    path = os.pathsep.join(filter(None, (str(both), os.environ.get("PYTHONPATH"))))
    done = run_nas(folder, *SEARCH.split(), PYTHONPATH=path)  # its workers have them too
    assert done.returncode == 0, done.stdout + done.stderr
    assert "val brightness error" in done.stdout
    return Shell(folder, both)


def test_a_search_trains_and_exports_with_the_parts_of_the_packages(nas: Shell) -> None:
    shown = json.loads(nas("show lamp --json"))
    states = [trial["state"] for trial in shown["trials"]]
    assert len(states) == 4  # and a further seed of the best
    assert "COMPLETE" in states
    assert all("ratio=" in trial["architecture"] for trial in shown["trials"])
    best = nas.folder / "nas-results" / "lamp" / "best"
    names = {path.name for path in best.iterdir()}
    assert names == {"weights.npz", "network.py", "network.onnx", "card.json"}
    card = json.loads((best / "card.json").read_text())
    with np.load(best / "weights.npz") as arrays:
        assert len(arrays) == card["npz"]["arrays"] > 0
    assert card["versions"]["nas-example"] == "0.1"
    assert shown["versions"]["nas-example"] == "0.1"


def test_commands_show_the_metric_with_its_label_and_unit(nas: Shell) -> None:
    for words in ("show lamp", "front lamp", "show lamp --trial 0", "list"):
        said = nas(words)
        assert "brightness error" in said, words
        assert "% of white" in said, words
    (study,) = json.loads(nas("list --json"))
    assert (study["metric"], study["best_error"]) == ("brightness_error", None)


def test_records_have_the_metrics_as_columns(nas: Shell) -> None:
    found = json.loads(nas("front lamp --json"))
    front = found["best"]
    rows = csv.DictReader(io.StringIO(nas("front lamp --csv")))
    (row,) = (row for row in rows if row["best"] == "True")
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
    found = importlib.util.spec_from_file_location("network_of_a_lamp", folder / "network.py")
    network = importlib.util.module_from_spec(found)
    found.loader.exec_module(network)
    assert network.build().eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 1)


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


def test_a_study_of_a_package_that_is_gone_is_named(nas: Shell, example: Path) -> None:
    assert "lamp" in run_nas(nas.folder, "list").stdout
    refused = run_nas(nas.folder, "show", "lamp", PYTHONPATH=str(example))
    assert refused.returncode == 2
    assert "brightness_error" in refused.stderr
    assert "install" in refused.stderr


def test_without_the_package_of_the_block_kind_it_is_named(nas: Shell, brightness: Path) -> None:
    listed = call_here(nas.folder, "list", "--json", site=brightness)
    assert "lamp" in json.loads(listed.out)[0].values()
    for words in (("show", "lamp"), ("front", "lamp"), ("resume", "lamp")):
        refused = call_here(nas.folder, *words, site=brightness)
        assert refused.code == 2, refused
        assert "'bottleneck'" in refused.err
        assert "Traceback" not in refused.out + refused.err


def test_the_names_are_refused_where_the_package_is_not_installed(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "space.toml", tmp_path)
    refused = call_here(tmp_path, "count", "--space", "space.toml", "--arch", "depth=1")
    assert refused.code == 2
    assert "'bottleneck'" in refused.err
    for option, name in (("--sampler", "climb"), ("--format", "npz")):
        refused = call_here(tmp_path, "search", "--budget", "300M-flops", option, name)
        assert refused.code == 2
        assert f"'{name}'" in refused.err


def test_the_parts_of_the_package_keep_the_promises_of_their_ports(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(EXAMPLE / "space.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(example)
    check_block_kind(load_space("space.toml"))
    check_sampler("climb")
    check_export_format("npz", Path("out"))


def test_the_task_brings_data_loss_and_scores(
    brightness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(brightness)
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
