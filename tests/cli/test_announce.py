"""The start of a study on the screen: eight lines, the strides in use, a reachable page."""

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from nas.cli import output
from nas.cli.announce import announce
from nas.dashboards.address import HOST, check_port, free_port
from nas.feasible import FeasibleUnion, feasible_space
from nas.results import study_settings
from nas.store import open_store
from nas.study.spec import StudySpec
from nas.study.spec_parts import DataIdentity
from nas.training.data import load_task
from tests.members import TRICKY
from tests.studies import small_spec

IMAGES = DataIdentity("0f" * 8, 1079, 359, 359)


def started(
    spec: StudySpec, tmp_path: Path, capsys: pytest.CaptureFixture[str], verbose: bool = False
) -> list[str]:
    """Return the lines that `spec` starts with."""
    parts = {name: feasible_space(own, spec.budget) for name, own in spec.cost_models().items()}
    feasible = next(iter(parts.values())) if len(parts) == 1 else FeasibleUnion(parts)
    with open_store(str(tmp_path / "other.db")) as store:
        announce(store, spec, (feasible, load_task("digits"), "2 CPU cores, no GPU"), verbose)
    return capsys.readouterr().out.splitlines()


SPECS = [
    small_spec(data=IMAGES),
    small_spec(
        data=IMAGES,
        more_spaces=(("tricky", TRICKY),),
        time_limit=600.0,
        confirm=3,
        seeds=3,
        limit=100,
    ),
    small_spec(data=IMAGES, rungs=(4,), published=False, resolutions=()),
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("width", [None, 60, 100])
def test_the_start_has_eight_fields_and_a_blank_line(
    spec: StudySpec,
    width: int | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    lines = started(spec, tmp_path, capsys)
    assert lines[-1] == ""
    assert sum(not line.startswith(" ") for line in lines[:-1]) <= 8
    if width is None:
        assert len(lines) <= 9
    else:
        assert max(map(len, lines)) <= width


def test_the_start_says_what_decides_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(started(SPECS[1], tmp_path, capsys))
    for words in ("small, tricky", "within 900K-madds", "strides 2,1,2,2", "started within 10 min",
                  "judged after 1, 2", "4 epochs", "under 3 seeds", "digits 1x8x8"):  # fmt: skip
        assert words in text, words


def test_the_start_and_the_settings_say_that_epochs_are_parts_of_a_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = replace(SPECS[1], recipe="epoch_images = 500\n", data=replace(IMAGES, train=1_000))
    for spec, shown in ((parts, True), (replace(parts, data=replace(IMAGES, train=500)), False)):
        text = "\n".join(started(spec, tmp_path, capsys))
        assert ("4 epochs of 500 images" in text) == shown
        assert (dict(study_settings(spec)).get("Epoch") == "500 images") == shown


def test_verbose_adds_the_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few, all_ = (started(SPECS[1], tmp_path, capsys, verbose) for verbose in (False, True))
    assert all_[:8] == few[:8]
    text = "\n".join(all_[8:])
    for words in ("objectives  top1_error, madds", "sampler     walk, seed 7", "final map",
                  "recipe", "cannot rank group counts"):  # fmt: skip
        assert words in text, words


def test_the_address_of_the_page_is_one_that_can_be_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = free_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a page was there just now
        other.bind((HOST, taken))
        other.listen()
        line = started(small_spec(data=IMAGES), tmp_path, capsys)[7]
    found = re.search(rf"http://{HOST}:(\d+)/study/study", line)
    port = int(found[1])
    assert port != taken
    assert f"nas dashboard --study study --port {port} --db" in line
    check_port(port)
