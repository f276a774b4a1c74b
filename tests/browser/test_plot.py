"""`nas plot`: figures as files, drawn by a real browser, and what it refuses."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import CHROMIUM
from tests.cli.runner import call_here, run_nas
from tests.figures.drawn_study import make_spec, make_trials
from tests.figures.stored import store_study

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]

SPEC = make_spec()
STUDY = SPEC.name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store_study(tmp_path / "nas.db", SPEC, make_trials(SPEC, candidates=40))
    return tmp_path


@pytest.mark.parametrize(
    ("figure", "name", "begin"),
    [
        ("front", "front.svg", b"<svg"),
        ("curves", "curves.pdf", b"%PDF-"),
        ("progress", "progress.png", b"\x89PNG"),
        ("timeline", "timeline.svg", b"<svg"),
        ("effects", "effects.SVG", b"<svg"),
    ],
)
def test_each_figure_is_written_in_the_format_of_its_name(
    folder: Path, figure: str, name: str, begin: bytes
) -> None:
    called = call_here(folder, "plot", STUDY, figure, "-o", name, "--width", "700")
    assert called.code == 0, called.err
    assert called.out == f"wrote {name}\n"
    found = (folder / name).read_bytes()
    assert found.startswith(begin)
    if begin == b"<svg":
        assert re.search(rb'<svg[^>]* width="700"', found)


def test_the_axes_of_a_front_are_chosen_by_metric(folder: Path) -> None:
    called = call_here(folder, "plot", STUDY, "front", "-o", "front.svg", "--x", "params")
    assert called.code == 0, called.err
    assert "trainable parameters" in (folder / "front.svg").read_text()


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("front", "-o", "front.jpg"), "names no format"),
        (("front", "-o", "front.svg", "--x", "parms"), "Did you mean params?"),
        (("curves", "-o", "curves.svg", "--y", "params"), "--y has no effect"),
        (("fronts", "-o", "front.svg"), "'front', 'curves', 'progress', 'timeline', 'effects'"),
        (("front", "-o", "none/front.svg"), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_refused(folder: Path, words: list[str], cause: str) -> None:
    called = call_here(folder, "plot", STUDY, *words)
    assert called.code == 2
    assert cause in " ".join(called.err.split())
    assert not list(folder.rglob("*.svg"))


def test_a_file_is_kept_unless_it_may_be_replaced(folder: Path) -> None:
    (folder / "front.svg").write_text("mine")
    called = call_here(folder, "plot", STUDY, "front", "-o", "front.svg")
    assert called.code == 2
    assert (folder / "front.svg").read_text() == "mine"
    assert call_here(folder, "plot", STUDY, "front", "-o", "front.svg", "--force").code == 0
    assert (folder / "front.svg").read_text() != "mine"


def test_a_machine_without_a_browser_is_told_what_to_install(folder: Path) -> None:
    called = run_nas(folder, "plot", STUDY, "front", "-o", "front.svg", BROWSER_PATH="/none")
    assert called.returncode == 2
    assert "neither is installed" in called.stderr
    assert "Traceback" not in called.stderr
