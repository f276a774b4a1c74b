"""Downloads: the files of one network, built and checked by a separate process.

This process runs `nas export` when a page requests the files, so that the process that serves the
pages neither loads torch nor does its work. Files are built once, and are kept in a temporary
folder, by the hash of the weights, until the server ends.
"""

import atexit
import json
import tempfile
import threading
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, abort, send_from_directory

from nas.dashboards.nas_command import Commands
from nas.study import Trial

_LONGEST = 900  # seconds of one export


class Kind(StrEnum):
    """A file that can be downloaded: the name of its format in `nas export`."""

    ONNX = "onnx"
    SOURCE = "source"


@dataclass(frozen=True)
class Wanted:
    """The files of one trial; `weights` is the hash of its trained weights.

    Without weights only the source of the architecture with this `arch_id` can be built.
    """

    study: str
    trial: int
    kind: Kind
    arch_id: str
    weights: str | None

    @classmethod
    def of(cls, study: str, trial: Trial, kind: Kind) -> "Wanted":
        """Return the files to build for a trial."""
        return cls(study, trial.number, kind, trial.arch_id,
                   trial.weights_sha256 if trial.has_weights else None)  # fmt: skip

    @property
    def key(self) -> str:
        """A unique name of the files."""
        text = f"{self.study} {self.trial} {self.arch_id} {self.weights}"
        return f"{self.kind}-{sha256(text.encode()).hexdigest()[:16]}"

    @property
    def words(self) -> list[str]:
        """The command that builds the files, without its program and directory."""
        network = [self.study, "--trial", str(self.trial)]
        if self.weights is None:
            network = ["--arch", self.arch_id]
        return ["export", *network, "--format", self.kind.value]


@dataclass(frozen=True)
class Built:
    """The state of a job: it is running, has `files` (names), or failed because of `problem`."""

    files: tuple[str, ...] = ()
    problem: str = ""

    @property
    def running(self) -> bool:
        """Whether the files are still being built."""
        return not self.files and not self.problem


class Downloads:
    """Builds files one after another; safe to call from several threads."""

    def __init__(self, database: str | None) -> None:
        """Export from the studies in `database`, as `open_store` takes it."""
        self._folder = tempfile.TemporaryDirectory(prefix="nas-dashboard-")
        self._commands = Commands(database)
        self._one, self._lock = threading.Lock(), threading.Lock()
        self._jobs: dict[str, Built] = {}
        atexit.register(self.close)

    def ask(self, wanted: Wanted) -> Built:
        """Return the state of the files, and start to build them if that was not done before.

        A failed job is repeated.
        """
        with self._lock:
            known = self._jobs.get(wanted.key)
            if known is not None and not known.problem:
                return known
            self._jobs[wanted.key] = Built()
        threading.Thread(target=self._build, args=(wanted,), daemon=True).start()
        return Built()

    def state(self, wanted: Wanted) -> Built | None:
        """Return the state of the files; None if no page has requested them."""
        return self._jobs.get(wanted.key)

    def close(self) -> None:
        """End the process that builds; the files are deleted."""
        self._commands.close()
        self._folder.cleanup()

    def serve(self, server: Flask) -> None:
        """Answer the addresses of built files."""

        @server.route("/download/<key>/<study>/<int:trial>/<name>")
        def download(key: str, study: str, trial: int, name: str) -> Response:
            built = self._jobs.get(key)
            if built is None or name not in built.files:
                abort(404, "There is no such file; build it on the page of the trial.")
            return send_from_directory(
                Path(self._folder.name) / key, name, as_attachment=True,
                download_name=f"{study}-trial-{trial}-{name}",
            )  # fmt: skip

    def _build(self, wanted: Wanted) -> None:
        with self._one:  # one at a time, because a search may need the processors
            directory = Path(self._folder.name) / wanted.key
            words = [*wanted.words, "-o", str(directory), "--json"]
            ran = self._commands.run(words, _LONGEST)
            files = () if ran.problem else json.loads(ran.out)["files"]
            built = Built(tuple(Path(path).name for path in files), ran.problem)
        with self._lock:
            self._jobs[wanted.key] = built
