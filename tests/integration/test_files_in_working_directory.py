"""Files of the user in the working directory are never imported: not by nas, nor by its workers."""

import os
import sys
from pathlib import Path

import pytest

from tests import tables
from tests.cli.runner import run_nas
from tests.training.data.pictures import write_folder

OURS = ("nas", "search_spaces", "torch", "numpy", "ray", "optuna", "scipy", "sklearn", "sqlalchemy",
        "PIL", "cloudpickle", "safetensors", "psutil", "packaging", "yaml")  # fmt: skip
TRAP = """
from pathlib import Path
Path(r"{place}", "imported").open("a").write(__file__ + "\\n")
raise SystemExit("a script of the user")
"""
SEARCH = ("search", "--space", "igcv3", "--budget", "20M-flops", "--input", "3x32x32", "--classes",
          "10", "--no-published", "--confirm", "0", "--no-proxies", "--max-concurrent", "1",
          "--trials", "1", "--rungs", "1", "--task")  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A directory in which every module that anything of ours may import is a trap."""
    place = tmp_path / "work"
    place.mkdir()
    trap = TRAP.format(place=place)
    for name in {*sys.stdlib_module_names, *OURS}:
        (place / f"{name}.py").write_text(trap)
    package = place / "dashboards"
    package.mkdir()
    (package / "__init__.py").write_text(trap)
    return place


def call(place: Path, *words: str, path: str = "") -> str:
    """Run the installed command there and return what it printed; nothing was imported."""
    # the cache is as relative as a user may have it
    done = run_nas(place, *words, NAS_CACHE="cache", PYTHONPATH=path)
    imported = place / "imported"
    assert not imported.exists(), imported.read_text()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_search_with_loader_processes_reads_data_by_a_relative_path(trapped: Path) -> None:
    for split in ("train", "test"):
        write_folder(trapped / "images" / split, "ab", images=20, side=40)
    words = ["--task", "folder", "--data", "images", "--image-size", "32", "--loaders", "1"]
    out = call(trapped, *SEARCH[:-1], *words, "--results", "out", "--db", "sqlite:///x.db")
    assert "trial 0 complete" in out
    assert (trapped / "x.db").exists()
    assert list((trapped / "out").glob("*/trial-0-*.safetensors"))
    assert list(trapped.glob("cache/*"))


def test_samplers_are_measured_in_processes_that_import_none(trapped: Path) -> None:
    tables.write(trapped / "toy.csv", tables.rows())
    out = call(trapped, "prove", "toy.csv", "--budget", "200K-flops", "--trainings", "5",
               "--jobs", "2", "--samplers", "random", "--seeds", "2")  # fmt: skip
    assert "random" in out


@pytest.mark.slow
def test_several_workers_train_in_a_directory_of_their_own(trapped: Path) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("two workers want two cores")
    out = call(trapped, "train", "--arch", "igcv3-d-0.25-os", "--task", "digits", "--epochs", "1",
               "--workers", "2", "--limit", "64", "--name", "trained")  # fmt: skip
    assert "test error" in out
    assert (trapped / "nas-results" / "trained").is_dir()
