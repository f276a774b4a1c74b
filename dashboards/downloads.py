"""Downloads: the files of one network, built and checked by a process of its own.

A page asks for them; the process runs `nas export`, so that neither torch nor its work is in the
process that serves the pages. Files are kept in a temporary folder while that process lives, by the
hash of the weights, and are built once.
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
    """What can be downloaded: the name of the format of `nas export`."""

    ONNX = "onnx"
    SOURCE = "source"


@dataclass(frozen=True)
class Wanted:
    """The files of one trial; trained weights are exported with their `weights` (a hash).

    Without weights there is only the source of the architecture, whose `arch_id` this is.
    """

    study: str
    trial: int
    kind: Kind
    arch_id: str
    weights: str | None

    @classmethod
    def of(cls, study: str, trial: Trial, kind: Kind) -> "Wanted":
        """Return what to build for a trial."""
        return cls(study, trial.number, kind, trial.arch_id,
                   trial.weights_sha256 if trial.has_weights else None)  # fmt: skip

    @property
    def key(self) -> str:
        """A name that no other files have."""
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
        """Return the state of the files, whose building begins now unless it has begun before.

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
        """Return the state of the files; None if nobody asked for them."""
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
                abort(404, "There is no such file; ask for it on the page of the trial.")
            return send_from_directory(
                Path(self._folder.name) / key, name, as_attachment=True,
                download_name=f"{study}-trial-{trial}-{name}",
            )  # fmt: skip

    def _build(self, wanted: Wanted) -> None:
        with self._one:  # one after another: a search may need the processors
            directory = Path(self._folder.name) / wanted.key
            words = [*wanted.words, "-o", str(directory), "--json"]
            ran = self._commands.run(words, _LONGEST)
            files = () if ran.problem else json.loads(ran.out)["files"]
            built = Built(tuple(Path(path).name for path in files), ran.problem)
        with self._lock:
            self._jobs[wanted.key] = built
