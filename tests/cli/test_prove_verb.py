"""`nas prove`: scores and files from a table; finished runs are not repeated."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import tables
from tests.cli.runner import NAS, Shell
from tests.messages import carries

WORDS = ["prove", "toy.csv", "--budget", "200K-flops", "--trainings", "5,10", "--jobs", "2"]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return tables.write(tmp_path / "toy.csv", tables.rows())


def test_scores_of_every_sampler_as_json_and_files(nas: Shell, toy: Path, tmp_path: Path) -> None:
    files = ["--csv", "o.csv", "--md", "o.md", "--plot", "o.html", "--resume", "runs.jsonl"]
    words = [*WORDS, "--samplers", "evolution,evolution:single,random", "--seeds", "2"]
    called = nas(*words, "--json", *files)
    assert called.code == 0, called
    found = json.loads(called.out)
    labels = [(row["sampler"], row["trainings"]) for row in found["rows"]]
    names = ["evolution", "evolution:single", "random"]
    assert labels == [(name, count) for name in names for count in (5, 10)]
    for row in found["rows"]:
        assert row["seeds"] == 2
        assert row["regret"]["median"] >= 0
        assert 0 <= row["volume"]["q1"] <= row["volume"]["q3"] <= 1
    assert found["verdict"]["sampler"] == "evolution"
    assert len(found["verdict"]["contrasts"]) == 2 * 2 * 2
    for contrast in found["verdict"]["contrasts"]:
        assert contrast["gain"]["low"] <= contrast["gain"]["value"] <= contrast["gain"]["high"]
        assert contrast["verdict"].startswith("no difference seen")  # two seeds show none
    assert (tmp_path / "o.csv").read_text().count("\n") == 1 + 3 * 2 * 2
    assert "| random |" in (tmp_path / "o.md").read_text()
    page = (tmp_path / "o.html").read_text()
    assert "evolution:single" in page
    assert "http-equiv" in page
    kept = (tmp_path / "runs.jsonl").read_text()
    assert kept.count("\n") == 1 + 6
    again = nas(*words, "--json", "--resume", "runs.jsonl")
    assert json.loads(again.out)["rows"] == found["rows"]
    assert json.loads(again.out)["asks"] == found["asks"]  # real times: nothing ran again
    assert (tmp_path / "runs.jsonl").read_text() == kept


def test_what_was_inferred_is_said(nas: Shell, toy: Path) -> None:
    called = nas(*WORDS, "--samplers", "random", "--seeds", "1", "--workers", "4")
    assert called.code == 0, called
    for said in (
        "choices: k1, k2, e1, e2",
        "name: arch",
        "4 workers",
        "200K-flops",
        "training times in proportion to flops",
        "regret (points)",
    ):
        assert said in called.out
    assert "verdict" not in called.out


def test_budget_may_be_a_quantile_and_the_front_any_cost(nas: Shell, toy: Path) -> None:
    called = nas("prove", "toy.csv", "--budget-quantile", "0.5", "--front", "flops,latency_ms",
                 "--samplers", "random", "--seeds", "1", "--trainings", "4", "--json")  # fmt: skip
    assert called.code == 0, called
    setting = json.loads(called.out)["setting"]
    assert setting["front"] == ["madds", "latency_ms"]
    assert setting["budget"][0].startswith("madds <= ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samplers", "oracle"], "oracle"),
        (["--samplers", "random,tpe", "--ours", "gp"], "--ours gp"),
        (["--trainings", "ten"], "--trainings ten"),
        (["--trainings", "100000"], "--trainings … 100000"),
        (["--budget", "100K-macs"], "same cost"),
        (["--budget", "5-joules"], "joules"),
        (["--budget-quantile", "0.5"], "--budget-quantile"),
        (["--front", "energy"], "energy"),
        (["--reference", "99.9"], "lower --reference"),
        (["--toml", "gone.toml"], "gone.toml"),
        (["--resume", "gone/runs.jsonl", "--samplers", "random"], "gone/runs.jsonl"),
    ],
)
def test_wrong_words_are_refused(nas: Shell, toy: Path, words: list[str], said: str) -> None:
    assert carries(nas.refused(*WORDS, *words), said)


def test_a_file_of_runs_that_an_editor_saved_is_read(nas: Shell, toy: Path, tmp_path: Path) -> None:
    words = [*WORDS, "--samplers", "random", "--seeds", "2", "--resume", "runs.jsonl", "--json"]
    asks = json.loads(nas(*words).out)["asks"]
    runs = tmp_path / "runs.jsonl"
    kept = runs.read_text()
    for encoding in ("utf-8-sig", "utf-16"):
        runs.write_text(kept.replace("\n", "\r\n"), encoding=encoding)
        assert json.loads(nas(*words).out)["asks"] == asks  # real times: nothing ran again
    runs.write_bytes(b"\x80\x81\x00")
    assert "runs.jsonl" in nas.refused(*words)
    runs.write_text(kept + '{"label": "random"}\n')
    error = nas.refused(*words)
    assert carries(error, "runs.jsonl … line 4")


def test_table_that_is_not_there(nas: Shell) -> None:
    assert "nowhere.csv" in nas.refused("prove", "nowhere.csv")


def test_ctrl_c_keeps_what_is_done(toy: Path, tmp_path: Path) -> None:
    """Send the signal when the first run is kept; the same command then does only the rest."""
    samplers = ["--samplers", "random,tpe", "--seeds", "40"]
    command = [str(NAS), *WORDS, *samplers, "--trainings", "40", "--resume", "runs.jsonl", "--json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        # a shell makes what it starts in the background deaf to Ctrl-C, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    runs = tmp_path / "runs.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if runs.exists() and runs.read_text().count("\n") >= 2:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
            break
        time.sleep(0.05)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert carries(err, "runs.jsonl")
    assert "Traceback" not in err
    lines = runs.read_text().splitlines()
    assert 2 <= len(lines) < 1 + 80
    assert all(json.loads(line) for line in lines)
    assert json.loads(out)["rows"]
    assert json.loads(out)["verdict"] is None
