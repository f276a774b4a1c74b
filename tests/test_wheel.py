"""The wheel: one package, with every file that the program reads, which runs from there."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77")
ROOT = Path(__file__).parents[1]
ARCHIVE = ("nas", "dashboards", "search_spaces", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel that pip builds from this tree."""
    place = tmp_path_factory.mktemp("wheel")
    tree = place / "tree"
    tree.mkdir()
    for name in ARCHIVE:
        source, target = ROOT / name, tree / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "--quiet", "--wheel-dir", str(place), str(tree)],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
        wheel.extractall(place / "unpacked")
    return place / "unpacked"


def test_one_package_is_installed(unpacked: Path) -> None:
    assert sorted(path.name for path in unpacked.iterdir() if "-" not in path.name) == ["nas"]


def test_every_file_of_the_package_is_in_the_wheel(unpacked: Path) -> None:
    ours = {
        (Path(folder) / name).relative_to(ROOT)
        for folder, _, names in os.walk(ROOT / "nas", followlinks=True)
        for name in names
        if "__pycache__" not in folder
    }
    assert Path("nas/dashboards/app.py") in ours
    assert sorted(path for path in ours if not (unpacked / path).is_file()) == []


@pytest.mark.parametrize("words", [["space", "igcv3"], ["dashboard", "--help"]], ids=" ".join)
def test_the_command_runs_from_the_wheel(unpacked: Path, tmp_path: Path, words: list[str]) -> None:
    code = "import nas; from nas.cli import main; print(nas.__file__, flush=True); main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(unpacked)), done.stdout
    assert words[-1].strip("-") in done.stdout


def test_the_wheel_declares_the_parts_that_the_program_registers(unpacked: Path) -> None:
    (installed,) = metadata.distributions(name="nas", path=[str(unpacked)])
    declared = {(entry.group, entry.name, entry.value) for entry in installed.entry_points}
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.read(unpacked / "nas" / "entry_points.txt", encoding="utf-8")
    ours = {
        (group, name, value) for group in parser.sections() for name, value in parser[group].items()
    }
    assert ("console_scripts", "nas", "nas.cli:main") in declared
    assert declared == ours
