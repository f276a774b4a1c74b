"""The live page of a running study, served by a process that ends with this one."""

import multiprocessing
import os
import signal
import sys
import threading
import webbrowser
from multiprocessing.context import SpawnProcess

from nas.cli.failure import say_failure
from nas.dashboards.address import Place, free_port, url
from nas.errors import NasError


class LivePage:
    """Serves a database until `close`, or until this process ends in any way."""

    def __init__(self, db: str | None) -> None:
        """Choose the port; the page is served once a study is shown.

        Raises:
            NasError: no port is free.
        """
        port = free_port()
        if port is None:
            raise NasError("no port is free for the page.", "Leave out --dashboard.")
        self._db, self._port = db, port
        self._process: SpawnProcess | None = None

    def show(self, study: str) -> str:
        """Return the address of a study; a browser opens the first one if there is a screen."""
        if self._process is None:
            spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads of Ray
            words = self._db, study, self._port
            self._process = spawn.Process(target=_serve, args=words, daemon=True)
            self._process.start()
        return url(self._port, study)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()


def _serve(db: str | None, study: str, port: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the study, which ends the page
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from nas.dashboards.app import serve

    try:
        serve(db, study, Place(port=port), _open)
    except NasError as error:
        say_failure(f"the page is not served: {error.cause}", error.remedy, error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _open(address: str) -> None:
    """Open a browser window if there is a screen; a text browser would take over the terminal."""
    if sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        webbrowser.open(address)
