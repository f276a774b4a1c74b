"""A Ray cluster of several nodes on this machine, each stopped by its process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nas.interruption import descendants
from nas.store import open_store
from nas.study.attempts import TrialAttempt
from tests.conftest import ROOT, free_port

STUDY = "small"  # in a database of its own for each driver
RAY = Path(sys.executable).with_name("ray")


class RayCluster:
    """A head, and nodes that join it, all on 127.0.0.1 unless they are started elsewhere."""

    def __init__(
        self, *head: str, grows: Any = None, **more: str
    ) -> None:  # fmt: skip
        """Start the head with further options of `ray start`, such as --num-cpus=2.

        `more` are environment variables of all its nodes. With `grows` an autoscaler adds and
        removes up to two nodes with the resources that it maps to numbers.
        """
        self.place = Path(tempfile.mkdtemp(prefix="nas-test-"))
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "disabled",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(ROOT),
            **more,
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        if grows is not None:
            head = (*head, f"--autoscaling-config={self._autoscaling(grows)}")
        self.start(
            "--head", f"--port={self.port}", "--node-ip-address=127.0.0.1",
            f"--temp-dir={self.place / 'r'}", "--include-dashboard=false",
            "--object-store-memory=100000000", *head,
        )  # fmt: skip

    def _autoscaling(self, resources: Mapping[str, float]) -> Path:
        """Write the settings of an autoscaler, whose nodes `tests.tuner.node_provider` starts."""
        self.environment |= {
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_CLOUD_INSTANCE_ID": "head",
            "RAY_enable_autoscaler_v2": "1",
        }
        commands = ("", "head_", "worker_")
        file = self.place / "autoscaling.yaml"
        file.write_text(json.dumps({
            "cluster_name": "test", "max_workers": 2, "upscaling_speed": 10,
            "idle_timeout_minutes": 0.1, "file_mounts": {}, "cluster_synced_files": [], "auth": {},
            "provider": {
                "type": "external", "module": "tests.tuner.node_provider.ProcessProvider",
                "address": self.address, "disable_node_updaters": True,
                "disable_launch_config_check": True,
            },
            "head_node_type": "head",
            "available_node_types": {
                "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
                "worker": {"resources": {**resources}, "node_config": {}, "min_workers": 0,
                           "max_workers": 2},
            },
            "initialization_commands": [],
            **{f"{kind}setup_commands": [] for kind in commands},
            **{f"{kind}start_ray_commands": [] for kind in commands[1:]},
        }))  # fmt: skip
        return file

    def join(self, *options: str, within: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a node, as an argument of the command `within`; return its process."""
        return self.start(
            f"--address={self.address}", "--object-store-memory=100000000", *options, within=within
        )

    def start(self, *options: str, within: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a node; return its process, which ends the node at SIGTERM."""
        process = subprocess.Popen(
            [*within, str(RAY), "start", "--block", "--disable-usage-stats", *options],
            env=self.environment, start_new_session=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if re.search(rb"runtime started", line):
                return process
        raise AssertionError(f"no node started with {options}")

    def run(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start a Python module that joins the cluster."""
        environment: Mapping[str, str] = {**self.environment, **more}
        return subprocess.Popen(
            [sys.executable, "-m", *words], env=environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def stop(self) -> None:
        """End every node, the head last."""
        for process in reversed(self.processes):
            stop_node(process)
        shutil.rmtree(self.place, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()


def stop_node(process: subprocess.Popen[bytes], patience: float = 15.0) -> None:
    """End a node by its process, with all that it started."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill_node(process: subprocess.Popen[bytes]) -> None:
    """End a node as the loss of its machine does."""
    for pid in (process.pid, *descendants(process.pid)):
        os.kill(pid, signal.SIGKILL)
    process.wait()


class Driver:
    """A driver on the cluster, with a database of its own, and trials of one second."""

    def __init__(
        self,
        cluster: RayCluster,
        place: Path,
        candidates: int,
        seconds: float,
        *rungs: str,
        **options: str,
    ) -> None:
        """Start it; `options` are further variables of `tests.tuner.driver`."""
        place.mkdir()
        (place / "faults.json").write_text(json.dumps({"seconds": seconds}))
        self.database = place / "nas.db"
        self.process = cluster.run(
            "tests.tuner.driver", str(self.database), str(place), str(candidates),
            *(rungs or ("1",)), NAS_TEST_CLUSTER=cluster.address, **options,
        )  # fmt: skip
        self.lines: list[str] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()

    def until(self, word: str, times: int) -> None:
        """Wait until so many lines began with `word`."""
        with self._news:
            found = self._news.wait_for(lambda: self.count(word) >= times, timeout=180)
        assert found, "".join(self.lines)

    def count(self, word: str) -> int:
        return sum(line.startswith(word) for line in self.lines)

    def running(self) -> int:
        """Return how many trials are RUNNING by the record."""
        with open_store(str(self.database), read_only=True) as store:
            return sum(trial.state == "RUNNING" for trial in store.trials(STUDY))

    def attempts(self) -> list[TrialAttempt]:
        with open_store(str(self.database), read_only=True) as store:
            return [
                attempt for trial in store.trials(STUDY)
                for attempt in store.attempts(STUDY, trial.number)
            ]  # fmt: skip

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
