"""Ray that ends, hangs or refuses: the study says so, is kept, and can be continued."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.interruption import descendants
from tests.cli.runner import NAS, Driver, call_here
from tests.cli.test_train import ARCH, SPACE
from tests.conftest import free_port

pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


@pytest.mark.parametrize(
    "component", ["gcs/gcs_server", pytest.param("raylet/raylet", marks=pytest.mark.slow)]
)
def test_a_lost_ray_ends_the_run_and_blames_no_trial(place: Path, component: str) -> None:
    words = ["--space", "tiny.toml", "--arch", ARCH, "--limit", "60", "--epochs", "5000"]
    driver = Driver(place, "train", *words, "--name", "own", "--db", "x.db")
    driver.until("epoch 2/5000")
    own = descendants(driver.process.pid)
    (victim,) = [pid for pid in own if program(pid).endswith(component)]
    os.kill(victim, signal.SIGKILL)
    code, said = driver.end()
    assert code == 4, said
    assert "nas: Ray's " in said
    assert said.endswith("Continue with: nas resume own --db x.db\n")
    assert "rpc_client" not in said  # a message of Ray's C++ part
    until = time.monotonic() + 10
    while any(map(program, own)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(map(program, own))
    (row,) = json.loads(call_here(place, "list", "--json", "--db", "x.db").out)
    assert row["state"] == "interrupted"
    assert (row["trials"]["WAITING"], row["trials"]["FAILED"]) == (1, 0)
    shown = call_here(place, "show", "own", "--trial", "0", "--json", "--db", "x.db").out
    assert shown
    assert "worker_lost" not in shown


def program(pid: int) -> str:
    """Return the path of a process's program; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except OSError:
        return ""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address and the token of a cluster."""
    token, port = secrets.token_hex(32), free_port()
    home = tmp_path_factory.mktemp("home")
    ray = Path(sys.executable).with_name("ray")
    # Ray's own ports are above those that it gives to workers.
    command = [str(ray), "start", "--head", "--block", f"--port={port}", "--num-cpus=1",
               "--include-dashboard=false", "--disable-usage-stats"]  # fmt: skip
    env = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "HOME": str(home)}
    with (home / "log").open("w") as log:
        head = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield f"127.0.0.1:{port}", token
        finally:
            for pid in [*descendants(head.pid), head.pid]:
                os.kill(pid, signal.SIGKILL)
            head.wait()


@pytest.mark.slow
def test_a_wrong_or_missing_token_is_named(guarded: tuple[str, str], tmp_path: Path) -> None:
    address, token = guarded
    told = {}
    for name, given in {"right": token, "wrong": secrets.token_hex(32), "none": None}.items():
        env = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        env |= {"HOME": str(tmp_path), "RAY_AUTH_MODE": "token"}
        env |= {"RAY_AUTH_TOKEN": given} if given else {}
        done = subprocess.run(
            [NAS, "doctor", "--ray-address", address, "--json"],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        (row,) = [row for row in json.loads(done.stdout) if row["check"] == "ray"]
        told[name] = (done.returncode, row["state"], "token" in row["text"], done.stderr)
    assert told == {
        "right": (0, "ok", False, ""),
        "wrong": (2, "fault", True, ""),
        "none": (2, "fault", True, ""),
    }
