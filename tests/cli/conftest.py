import pytest

from tests.cli.runner import Shell


@pytest.fixture
def nas(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_DB", raising=False)
    return Shell(monkeypatch, capsys)
