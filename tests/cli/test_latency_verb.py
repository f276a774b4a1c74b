"""Latency on the command line: one network, a budget in it, and everything that can go wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.cost.latency_table import Accuracy, LatencyTable, latency_units
from nas.cost.model import CostModel
from nas.space.file import read_space
from nas.training.latency.pieces import covering_pieces
from nas.training.latency.runtimes import open_runtime
from tests.cli.runner import Shell
from tests.messages import carries
from tests.test_latency import SMALL

pytestmark = pytest.mark.usefixtures("ray_ahead")

ARCH = "depth=1-1,width=6-12,expansion=2-2,g1=1-1,g2=1-3,relu=none-none,permute2=no-no"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A space file, and a made-up table of this machine."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    space = read_space(SMALL, "small.toml")
    rng = np.random.default_rng(0)
    keys = {
        unit.key
        for piece in covering_pieces(CostModel(space), rng)
        for unit in latency_units(piece)
    }
    table = LatencyTable(
        "small", "3x16x16", 4, open_runtime("cpu").device, 1000, 5000,
        {key: 1000 * (1 + len(key)) for key in sorted(keys)},
        Accuracy(12, 0.02, 0.05, 0.07, 0.99, 0.9),
    )  # fmt: skip
    (tmp_path / "table.json").write_text(f"[{table.to_json()}]")
    return path


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_one_network_is_measured(nas: Shell, small: Path, runtime: str) -> None:
    words = ("latency", "--space", str(small), "--arch", ARCH, "--runtime", runtime)
    document = json.loads(nas(*words, "--json").out)
    assert document["device"]["runtime"] == runtime
    timing = document["latency_ns"]
    assert 0 < timing["low"] <= timing["median"] <= timing["high"]
    shown = nas(*words)
    assert shown.code == 0
    assert f"{runtime} " in shown.out
    assert "quartiles" in shown.out


def test_a_space_is_counted_within_a_latency(nas: Shell, small: Path) -> None:
    table = ("--latency-table", str(small.with_name("table.json")))
    words = ("space", str(small), "--budget", "0.4ms-latency@cpu")
    found = json.loads(nas(*words, *table, "--json").out)
    assert found["budget"] == ["400us-latency@cpu"]
    assert 0 < found["feasible"]["at_least"] < found["size"]
    assert found["feasible"]["exact"]
    shown = nas(*words, "--budget", "1M-madds", *table)
    assert shown.code == 0
    assert carries(shown.out, "latency … 0.4 ms") or carries(shown.out, "latency … 400us")
    assert "off by 2.0 %" in shown.out
    least = nas.refused("space", str(small), "--budget", "1us-latency@cpu", *table)
    assert "us latency" in least


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "5ms-latency@gpu"], "'gpu'"),
        (["--budget", "5ms-latency@cpu", "--latency-runtime", "tvm"], "'tvm'"),
        (["--budget", "1M-madds", "--latency-table", "x.json"], "--latency-table … latency"),
        (["--budget", "5ms-latency@cpu", "--latency-table", "none/x.json"], "none … directory"),
        (["--budget", "5ms-latency@cpu", "--latency-table", "small.toml"], "small.toml"),
        (["--budget", "5ms-latency@cpu", "--input", "3x32x32", "--latency-table", "table.json"],
         "small … 3x16x16 … 3x32x32 … 4 classes"),
        (["--budget", "5ms-latency@cpu", "--latency-runtime", "torch", "--latency-table",
          "table.json"], "small … 3x16x16 … torch … 4 classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_or_read_is_refused(
    nas: Shell, small: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(small.parent)
    assert carries(nas.refused("space", "small.toml", *words), said)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_here_is_refused_before_anything_begins(nas: Shell, small: Path) -> None:
    refused = nas.refused("search", "--space", str(small), "--budget", "5ms-latency@cuda")
    assert carries(refused, "GPU")


def test_one_study_has_one_device(nas: Shell, small: Path) -> None:
    words = ("--budget", "5ms-latency@cpu", "--objective", "latency@cuda")
    refused = nas.refused("search", "--space", str(small), *words)
    assert carries(refused, "cpu … cuda")


@pytest.mark.slow
def test_a_search_measures_its_table_gates_by_it_and_measures_its_winner(
    nas: Shell, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "measured.json"
    words = ("search", "--space", "small.toml", "--budget", "1s-latency@cpu", "--latency-table")
    settings = ("--trials", "4", "--epochs", "1", "--confirm", "0", "--task", "digits", "--json")
    called = nas(*words, str(table), *settings)
    assert called.code == 0, called.err
    assert table.exists()
    found = json.loads(called.out)
    assert found["study"] == "small-1000ms-latency-cpu-digits"
    front = {trial["trial"]: trial["latency_ns"] for trial in found["front"]}
    assert all(0 < latency <= 10**9 for latency in front.values())
    own = found["latency"][str(found["best"]["trial"])]
    assert own["predicted"] == found["best"]["latency_ns"]
    assert own["runs"] >= 15
    assert set(map(int, found["latency"])) >= set(front)
    shown = nas("show", found["study"])
    assert "latency of small" in shown.out
    listed = json.loads(nas("show", found["study"], "--json").out)
    assert listed["reports"][str(found["best"]["trial"])]["latency@cpu"] == own
