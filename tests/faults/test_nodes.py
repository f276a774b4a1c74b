"""A node of a cluster that does not see the results folder is refused before trial 0."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUN = """
import sys
from pathlib import Path
from nas.errors import NasError
from nas.study.study import Study
from nas.tuner import RunSettings, run
from tests.memory_store import MemoryStore
from tests.tuner.fakes import Wanderer, spec_of

spec, store = spec_of(num_trials=2), MemoryStore()
settings = RunSettings(
    Path(sys.argv[1]), ray_address=sys.argv[2], evaluator="tests.tuner.fakes:make"
)
study = Study(spec, store, Wanderer(spec))
try:
    run(study, settings)
except NasError as error:
    sys.stdout.write(f"{error.exit_code}: {error.cause}\\n")
sys.stdout.write(f"{len(study.trials)} trials\\n")
"""


class Cluster:
    """A Ray head on this machine, and nodes that join it from mount namespaces of their own."""

    def __init__(self, place: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        own = {"RAY_AUTH_MODE": "disabled", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
        self._environment = {**os.environ, **own, "PYTHONPATH": str(ROOT)}
        self._processes: list[subprocess.Popen[bytes]] = []
        port, scratch = self.address.partition(":")[2], place / "ray"
        head = f"--head --port={port} --temp-dir={scratch} --include-dashboard=false"
        self._start(["sh", "-c", f"exec {self._ray()} start {head} --num-cpus=1 --block"])

    def join(self, before: str) -> None:
        """Start a node, after the shell command `before` in its mount namespace."""
        node = f"{self._ray()} start --address={self.address} --num-cpus=1 --block"
        self._start(["unshare", "-m", "sh", "-c", f"{before} && exec {node}"])

    def run(self, results: Path) -> str:
        """Run a study of two trials; return what it printed."""
        words = [sys.executable, "-c", RUN, str(results), self.address]
        done = subprocess.run(
            words, capture_output=True, text=True, env=self._environment, cwd=ROOT, check=True
        )
        return done.stdout

    def stop(self) -> None:
        """End every process of the cluster."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    @staticmethod
    def _ray() -> Path:
        return Path(sys.executable).with_name("ray")

    def _start(self, words: list[str]) -> None:
        process = subprocess.Popen(
            words, env=self._environment, start_new_session=True, stdout=subprocess.PIPE
        )
        self._processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if re.search(rb"runtime started", line):
                return
        raise AssertionError(f"{words} did not start")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("no mount namespaces")
    place = Path(f"/tmp/nas-nodes-{os.getpid()}")
    place.mkdir()
    started = Cluster(place)
    yield started
    started.stop()
    shutil.rmtree(place, ignore_errors=True)


def test_every_node_shows_that_it_sees_the_results(cluster: Cluster, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()

    cluster.join("true")
    assert cluster.run(results).endswith("2 trials\n")
    assert not list(results.rglob(".node-*"))

    cluster.join(f"mount -t tmpfs none {results}")
    told = cluster.run(results)
    assert re.match(r"7: not every node sees the .* folder \S+: on \S+ it is missing there", told)
    assert told.endswith("0 trials\n")
    assert not list(results.rglob(".node-*"))
