"""Completion in the shell, as bash asks for it: verbs, options and their values."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("se", "search"), ("com", "compare-spaces"), ("search --sp", "--space"),
     ("latency --device c", "cuda"), ("db up", "upgrade")],
)  # fmt: skip
def test_a_word_is_completed(typed, offered):
    asked = {"COMP_WORDS": f"nas {typed}", "COMP_CWORD": str(len(typed.split()))}
    done = subprocess.run(
        [Path(sys.executable).with_name("nas")],
        env={**os.environ, "_NAS_COMPLETE": "bash_complete", **asked},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert offered in {line.partition(",")[2] for line in done.stdout.splitlines()}, done
