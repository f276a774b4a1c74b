"""A driver that is killed after its trials: before the test score, the report or within the export.

The death is SIGKILL, at each statement that writes, at each commit, and at each file that is made,
renamed or deleted, in turn. Resumed, the study has all that the undisturbed one has, and no more.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.store import StudyState, open_store
from tests.cli.runner import call_here
from tests.faults.deaths import dying
from tests.trained import quick_spec, train_study

SPEC = quick_spec(num_trials=2, confirm=1, seeds=2)


def resume_here(place: Path, formats: tuple[str, ...], at: int | None) -> None:
    """Type `nas resume study` in this process, which dies at the `at`-th step of those counted."""
    with dying(at, lambda: os.kill(os.getpid(), signal.SIGKILL)) as death:
        death.watch_files(place)
        called = call_here(place, "resume", "study", *formats)
    (place / "steps").write_text(str(death.seen))
    sys.stderr.write(called.err)
    os._exit(called.code)


def resume(place: Path, formats: tuple[str, ...], at: int | None = None) -> int:
    """Resume the study in a fork of this process, and return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            resume_here(place, formats, at)
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a study whose trials have ended, as its driver was killed then."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        train_study(place / "nas.db", place / "nas-results", SPEC)
    return place


def copy_of(trained: Path, place: Path) -> Path:
    shutil.copytree(trained, place)
    return place


def record_of(place: Path) -> tuple[Any, ...]:
    """Return the trials, their reports and the state of the study."""
    with open_store(str(place / "nas.db"), read_only=True) as store:
        (summary,) = store.studies()
        return summary.state, store.trials("study"), store.reports("study")


def files_of(place: Path) -> dict[str, str]:
    """Return the hashes of all files by path; the card without its time."""
    card = place / "nas-results" / "study" / "best" / "card.json"
    content = json.loads(card.read_text())
    del content["created_at"]
    card.write_text(json.dumps(content))
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (place / "nas-results").rglob("*") if path.is_file()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("every", "formats"),
    [(13, ("--format", "weights")), pytest.param(1, (), marks=pytest.mark.slow)],
)
def test_a_driver_that_is_killed_while_it_finishes_loses_nothing(
    trained: Path, tmp_path: Path, every: int, formats: tuple[str, ...]
) -> None:
    warm, whole = copy_of(trained, tmp_path / "warm"), copy_of(trained, tmp_path / "whole")
    assert call_here(warm, "resume", "study", *formats).code == 0  # forks have what it loads
    assert resume(whole, formats) == 0
    steps = int((whole / "steps").read_text())
    assert steps > 20
    expected = record_of(whole), files_of(whole)
    for at in range(1, steps + 1, every):
        place = copy_of(trained, tmp_path / str(at))
        assert resume(place, formats, at) == -signal.SIGKILL, at
        exported = (place / "nas-results" / "study" / "best" / "card.json").exists()
        assert exported or record_of(place)[0] == StudyState.RUNNING, at
        assert resume(place, formats) == 0, at
        assert (record_of(place), files_of(place)) == expected, at
        shutil.rmtree(place)
