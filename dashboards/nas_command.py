"""Commands of nas that the page starts, each in a separate process."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_COMMAND = "from nas.cli import main; main()"


@dataclass(frozen=True)
class Ran:
    """The output of a command; `problem` is its cause and remedy, empty if it succeeded."""

    out: str = ""
    problem: str = ""


class Commands:
    """Runs commands over one database."""

    def __init__(self, database: str | None) -> None:
        """Run commands over `database`, as `open_store` takes it."""
        self._environment = os.environ | ({"NAS_DB": database} if database else {})
        self._process: subprocess.Popen[str] | None = None

    def run(self, words: Sequence[str], seconds: float | None = None) -> Ran:
        """Run `nas words` for at most `seconds`; of its output only stdout is returned."""
        command = [sys.executable, "-c", _COMMAND, *words]
        verb = words[0]
        try:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self._environment,
            ) as process:
                self._process = process
                try:
                    out, err = process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    return Ran(problem=f"nas {verb} took more than {seconds:.0f} seconds.")
        except OSError as error:
            return Ran(problem=f"nas {verb} did not start: {error.strerror or error}.")
        if process.returncode != 0:
            return Ran(problem=_cause(err) or f"nas {verb} ended with {process.returncode}.")
        return Ran(out)

    def close(self) -> None:
        """End the command that runs."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()


def _cause(text: str) -> str:
    """Return the cause and the remedy that a command printed, in one line."""
    lines = [line.strip() for line in text.splitlines()]
    first = next((at for at, line in enumerate(lines) if line.startswith("nas: ")), None)
    return "" if first is None else " ".join(lines[first:]).removeprefix("nas: ")
