"""`nas plot`: figures as files, drawn by a real browser, and what it refuses."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import kaleido
import pytest

from tests.browser.conftest import CHROMIUM
from tests.cli.runner import call_here, run_nas
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]

SPEC = make_spec()
STUDY = SPEC.name


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "nas.db"
    store_study(path, SPEC, make_trials(SPEC, candidates=40))
    return path


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    shutil.copy(stored, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def one_browser() -> Iterator[None]:
    """One browser for the figures of this process, instead of one for each."""
    kaleido.start_sync_server(silence_warnings=True)
    yield
    kaleido.stop_sync_server(silence_warnings=True)


@pytest.mark.parametrize(
    ("figure", "name", "begin"),
    [
        ("front", "front.svg", b"<svg"),
        ("curves", "curves.pdf", b"%PDF-"),
        ("progress --shows best --against device-time", "progress.png", b"\x89PNG"),
        ("timeline", "timeline.svg", b"<svg"),
        ("effects", "effects.SVG", b"<svg"),
        ("parallel", "parallel.png", b"\x89PNG"),
        ("edf", "edf.svg", b"<svg"),
    ],
)
def test_each_figure_is_written_in_the_format_of_its_name(
    one_browser: None, folder: Path, figure: str, name: str, begin: bytes
) -> None:
    called = call_here(folder, "plot", STUDY, *figure.split(), "-o", name, "--width", "700")
    assert called.code == 0, called.err
    assert called.out == f"wrote {name}\n"
    found = (folder / name).read_bytes()
    assert found.startswith(begin)
    if begin == b"<svg":
        assert re.search(rb'<svg[^>]* width="700"', found)


def test_studies_are_drawn_together(one_browser: None, folder: Path) -> None:
    for name in ("seed-2", "seed-3"):
        seed = replace(SPEC, name=name, seed=int(name[-1]))
        store_study(folder / "nas.db", seed, make_trials(seed, seed=seed.seed))
    called = call_here(folder, "plot", STUDY, "front", "--with", "seed-2,seed-3", "-o", "o.svg")
    assert called.code == 0, called.err
    drawn = (folder / "o.svg").read_text()
    for words in (STUDY, "seed-2", "seed-3", "the best to the worst of 3 seeds"):
        assert words in drawn


def test_a_study_of_another_task_is_not_drawn_with_it(folder: Path) -> None:
    other = replace(SPEC, name="other", task="cifar10")
    store_study(folder / "nas.db", other, [])
    called = call_here(folder, "plot", STUDY, "front", "--with", "other", "-o", "o.svg")
    assert called.code == 2
    assert "another task (cifar10, not digits)" in " ".join(called.err.split())
    called = call_here(folder, "plot", STUDY, "front", "--with", "none", "-o", "o.svg")
    assert (called.code, "there is no study 'none'" in called.err) == (4, True)
    assert not (folder / "o.svg").exists()


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("curves", "-o", "o.svg", "--with", "other"), "--with has no effect"),
        (("edf", "-o", "o.svg", "--choice", "g1"), "--choice has no effect"),
        (("parallel", "-o", "o.svg", "--choice", "g3"), "does not vary the choice 'g3'"),
        (("front", "-o", "front.jpg"), "names no format"),
        (("front", "-o", "front.svg", "--x", "parms"), "Did you mean params?"),
        (("curves", "-o", "curves.svg", "--y", "params"), "--y has no effect"),
        (("edf", "-o", "o.svg", "--against", "time"), "--against has no effect"),
        (("progress", "-o", "o.svg", "--shows", "better"), "'hypervolume', 'best'"),
        (("fronts", "-o", "front.svg"), "'front', 'curves', 'progress', 'timeline', 'effects'"),
        (("front", "-o", "none/front.svg"), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_refused(folder: Path, words: list[str], cause: str) -> None:
    called = call_here(folder, "plot", STUDY, *words)
    assert called.code == 2
    assert cause in " ".join(called.err.split())
    assert not list(folder.rglob("*.svg"))


def test_a_file_is_kept_unless_it_may_be_replaced_and_the_axes_are_chosen(folder: Path) -> None:
    (folder / "front.svg").write_text("mine")
    called = call_here(folder, "plot", STUDY, "front", "-o", "front.svg")
    assert called.code == 2
    assert (folder / "front.svg").read_text() == "mine"
    words = ("front", "-o", "front.svg", "--force", "--x", "params")
    assert call_here(folder, "plot", STUDY, *words).code == 0
    assert "trainable parameters" in (folder / "front.svg").read_text()


def test_a_machine_without_a_browser_is_told_what_to_install(folder: Path) -> None:
    called = run_nas(folder, "plot", STUDY, "front", "-o", "front.svg", BROWSER_PATH="/none")
    assert called.returncode == 2
    assert "neither is installed" in called.stderr
    assert "Traceback" not in called.stderr
