"""A package from outside adds a block kind, a sampler and an export format: a search uses them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.runner import call_here, run_nas

SOURCE = Path(__file__).parents[1] / "plugins" / "example"
SEARCH = (
    "search", "--space", "space.toml", "--budget", "5M-flops", "--task", "digits", "--limit", "200",
    "--sampler", "climb", "--format", "npz", "--format", "onnx", "--study", "example",
    "--trials", "3", "--epochs", "1", "--confirm", "0", "--max-concurrent", "1",
)  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed the package."""
    place = tmp_path_factory.mktemp("plugin")
    shutil.copytree(SOURCE, place / "source", ignore=shutil.ignore_patterns("__pycache__"))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target")
    words = [*install, str(place / "site"), str(place / "source")]
    pip = [sys.executable, "-m", "pip", *words]
    subprocess.run(pip, check=True, capture_output=True, timeout=240)
    return place / "site"


@pytest.fixture(scope="module")
def searched(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a search with the package has run."""
    place = tmp_path_factory.mktemp("searched")
    shutil.copy(SOURCE / "space.toml", place)
    done = run_nas(place, *SEARCH, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_a_search_trains_and_exports_with_the_parts_of_the_package(
    site: Path, searched: Path
) -> None:
    shown = json.loads(call_here(searched, "show", "example", "--json", site=site).out)
    states = [trial["state"] for trial in shown["trials"]]
    assert len(states) == 3
    assert "COMPLETE" in states
    assert all("ratio=" in trial["architecture"] for trial in shown["trials"])
    (best,) = (searched / "nas-results").glob("*/best")
    assert {path.name for path in best.iterdir()} == {"weights.npz", "network.onnx", "card.json"}
    card = json.loads((best / "card.json").read_text())
    with np.load(best / "weights.npz") as arrays:
        assert len(arrays) == card["npz"]["arrays"] > 0
    assert card["versions"]["nas-example"] == "0.1"
    assert shown["versions"]["nas-example"] == "0.1"


def test_the_parts_of_the_package_keep_the_promises_of_their_ports(
    site: Path, tmp_path: Path
) -> None:
    shutil.copy(SOURCE / "space.toml", tmp_path)
    code = (
        "from pathlib import Path\n"
        "from nas.space import load_space\n"
        "from nas.testing import check_block_kind, check_export_format, check_sampler\n"
        "check_block_kind(load_space('space.toml'))\n"
        "check_sampler('climb')\n"
        "check_export_format('npz', Path('out'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_without_the_package_everything_measured_is_listed_and_the_part_is_named(
    searched: Path,
) -> None:
    listed = call_here(searched, "list", "--json")
    assert "example" in json.loads(listed.out)[0].values()
    for words in (("show", "example"), ("front", "example"), ("resume", "example")):
        refused = call_here(searched, *words)
        assert refused.code == 2, refused
        assert "'bottleneck'" in refused.err
        assert "Traceback" not in refused.out + refused.err


def test_the_names_are_refused_where_the_package_is_not_installed(tmp_path: Path) -> None:
    shutil.copy(SOURCE / "space.toml", tmp_path)
    refused = call_here(tmp_path, "count", "--space", "space.toml", "--arch", "depth=1")
    assert refused.code == 2
    assert "'bottleneck'" in refused.err
    for option, name in (("--sampler", "climb"), ("--format", "npz")):
        refused = call_here(tmp_path, "search", "--budget", "300M-flops", option, name)
        assert refused.code == 2
        assert f"'{name}'" in refused.err
