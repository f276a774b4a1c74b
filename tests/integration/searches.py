"""Searches of a tiny space as a user types them."""

import subprocess
from pathlib import Path

from nas.store import open_store
from nas.study.trial import Trial
from tests.cli.runner import NAS, surroundings
from tests.members import TINY

STUDY = "tiny-1_5m-madds-digits"  # the name that a search gets by default


def search_words(*more: str) -> list[str]:
    """Return the words of a search in the tiny space."""
    return ["search", "--space", "my space.toml", "--budget", "1.5M-flops", *more]


def begin(directory: Path, *words: str) -> subprocess.Popen[str]:
    """Start `nas` in a directory that is not the repository, as the head of its own group."""
    (directory / "my space.toml").write_text(TINY)
    kept = {k: v for k, v in surroundings(words).items() if not k.startswith("PYTHONWARN")}
    return subprocess.Popen(
        [NAS, *words],
        cwd=directory,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def called(directory: Path, *words: str) -> tuple[int, str, str]:
    """Run `nas` to its end; return the exit code and both outputs."""
    process = begin(directory, *words)
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read the output up to the first line with `text` in it."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], f"ended before {text!r}: {''.join(lines)}{process.communicate()}"
    return lines


def stored(database: Path | str, study: str) -> dict[int, Trial]:
    """Return the trials in a database by number."""
    with open_store(str(database), read_only=True) as store:
        return {trial.number: trial for trial in store.trials(study)}
