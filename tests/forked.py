"""A function in a fork of this process, which has imported everything already."""

import os
import signal
import sys
import traceback
from collections.abc import Callable


class Forked:
    """Runs `work` in a fork with pipes as its standard streams; what it returns is its exit code.

    It ends without the exits of Python: nothing is released, closed or deleted.
    """

    def __init__(self, work: Callable[[], int]) -> None:
        """Start it."""
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_error, theirs_error) = (
            os.pipe(), os.pipe(), os.pipe(),
        )  # fmt: skip
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                for number, end in enumerate((theirs_in, theirs_out, theirs_error)):
                    os.dup2(end, number)
                sys.stdin, sys.stdout, sys.stderr = (
                    os.fdopen(0),
                    os.fdopen(1, "w"),
                    os.fdopen(2, "w"),
                )
                code = work()
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        for end in (theirs_in, theirs_out, theirs_error):
            os.close(end)
        self.stdin = os.fdopen(ours_in, "w")
        self.stdout, self.stderr = os.fdopen(ours_out), os.fdopen(ours_error)
        self._code: int | None = None

    def wait(self) -> int:
        """Wait for its end; return its exit code, or minus the number of the signal."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            for stream in (self.stdin, self.stdout, self.stderr):
                stream.close()
        return self._code

    def kill(self) -> None:
        """Kill -9 it, unless it has ended."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
