"""The umask decides who may read what nas writes: one rule for the database, weights and pages."""

import os
import stat
from pathlib import Path

import pytest
import torch

from nas.figures.document import write_document
from nas.files import write_whole
from nas.store import open_store
from nas.training.network.weights_file import save_weights
from tests.studies import small_spec


def write_study(place: Path) -> list[Path]:
    """Write a study with all that belongs to it; return its files and folders."""
    with open_store(str(place / "nas.db")) as store:
        store.create_study(small_spec(), {"nas": "test"})
        folder = place / "results" / store.claim_folder("study", place / "results")
        save_weights(torch.nn.Linear(2, 2), folder / "weights.safetensors")
        write_document("<html></html>", folder / "report.html")
        return list(place.rglob("*"))


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_every_file_has_the_permissions_of_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files = filter(Path.exists, write_study(tmp_path))  # the log of the database is gone
        modes = {file: stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(before)
    assert {"nas.db", "study.json", "weights.safetensors", "report.html"} <= {f.name for f in modes}
    for file, mode in modes.items():
        full = 0o777 if file.is_dir() else 0o666
        assert mode == full & ~umask, file


def test_a_file_that_its_writer_replaced_has_the_permissions_too(tmp_path: Path) -> None:
    def write(part: Path) -> None:
        part.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))

    (tmp_path / "plain").touch()
    write_whole(tmp_path / "file", write)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "plain"]
