"""The umask decides who may read what nas writes: one rule for the database, weights and pages."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nas.files import write_whole
from tests.conftest import ROOT

STUDY = """
import sys
from pathlib import Path
import torch
from nas.figures.document import write_document
from nas.store import open_store
from nas.training.network.weights_file import save_weights
from tests.studies import small_spec

place = Path(sys.argv[1])
with open_store(str(place / "nas.db")) as store:
    store.create_study(small_spec(), {"nas": "test"})
    folder = place / "results" / store.claim_folder("study", place / "results")
    save_weights(torch.nn.Linear(2, 2), folder / "weights.safetensors")
    write_document("<html></html>", folder / "report.html")
    print(*place.rglob("*"), sep="\\n")
"""


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_every_file_has_the_permissions_of_the_umask(tmp_path: Path, umask: int) -> None:
    command = f"umask {umask:o}; exec {sys.executable} -c '{STUDY}' {tmp_path}"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=ROOT, check=True
    )
    files = [Path(line) for line in done.stdout.splitlines()]
    assert {"nas.db", "study.json", "weights.safetensors", "report.html"} <= {f.name for f in files}
    for file in filter(Path.exists, files):
        full = 0o777 if file.is_dir() else 0o666
        assert stat.S_IMODE(file.stat().st_mode) == full & ~umask, file


def test_a_file_that_its_writer_replaced_has_the_permissions_too(tmp_path: Path) -> None:
    def write(part: Path) -> None:
        part.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))

    (tmp_path / "plain").touch()
    write_whole(tmp_path / "file", write)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "plain"]
