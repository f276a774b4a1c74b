"""The output of a running study: its events, its live page, and its end."""

import multiprocessing
import os
import signal
import sys
import threading
import webbrowser
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any

import click

from nas.cli import output
from nas.cli.latency_lines import say_latency_table
from nas.cli.options import Output
from nas.cli.output import say_failure
from nas.cli.profile import print_profiles
from nas.cli.progress import ProgressDisplay
from nas.dashboards.address import Place, free_port, url
from nas.errors import NasError
from nas.interruption import leave
from nas.results import finished_record, recorded_profiles
from nas.store import DatabaseAway, DatabaseBack, Store, read_address
from nas.study import Event as TrialEvent
from nas.study import Study
from nas.units import duration, size_in_bytes
from nas.workflows import (
    Abandoned,
    Event,
    FinalistsMeasured,
    FolderRenamed,
    LatencySkipped,
    OtherImages,
    ResultsBegin,
    ResultsRecovered,
    RunRequest,
    SearchOutcome,
    StudyComplete,
    StudyReady,
    TestSkipped,
    TrialsBegin,
    TrialsEnd,
    WeightsRemoved,
    continue_line,
)

if TYPE_CHECKING:
    from nas.workflows import FinishedStudy  # loads torch, which would delay the start of Ray


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


class Screen:
    """Prints the events of a study; use it as a context manager and pass `watch` to a workflow.

    `run` has the settings of its trials; a second Ctrl-C ends the process.
    """

    def __init__(self, said: Output, run: RunRequest, db: str | None = None) -> None:
        """Print the output that `said` selects, and the profiles that `run` measures.

        If `said` selects the page, it shows the database `db`.

        Raises:
            NasError: no port is free for the page.
        """
        self._said, self.run = said, replace(run, owns_process=True)
        self._progress: ProgressDisplay | None = None
        self._page = LivePage(db) if said.dashboard else None

    def __enter__(self) -> "Screen":
        """Start to print."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the display, and end the page."""
        self._close()
        if self._page is not None:
            self._page.close()

    def watch(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, TestSkipped):
            click.echo(f"trial {event.trial} is not tested: {event.cause}", err=True)
        elif isinstance(event, Abandoned):
            say_failure(event.error.cause, event.error.remedy, event.error)
            leave(event.error.exit_code)
        elif isinstance(event, DatabaseAway):
            click.echo(f"{event.cause[:1].upper()}{event.cause[1:]} Nothing is lost: it is tried "
                       f"again for {duration(event.patience)}.", err=True)  # fmt: skip
        elif isinstance(event, DatabaseBack):
            seconds = duration(event.seconds)
            click.echo(f"The database answers again, after {seconds}.", err=True)
        elif not self._said.say:
            return
        elif isinstance(event, TrialsBegin):
            self._progress = ProgressDisplay(event.study, quiet=False).__enter__()
        elif isinstance(event, TrialsEnd):
            self._close()
        elif isinstance(event, TrialEvent):
            if self._progress is not None:
                self._progress.watch(event)
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        """Print an event that does not belong to a single trial."""
        match event:
            case StudyReady(store=store, ready=ready):
                from nas.cli.announce import announce  # loads torch

                found = ready.feasible, ready.task, ready.machine.devices
                page = self._page.show(ready.spec.name) if self._page else None
                announce(store, ready.spec, found, self._said.verbose, page)
            case OtherImages(study=study, change=change):
                output.field("note", f"these are not the images of {study}: {change}")
            case FolderRenamed(folder=folder, taken=taken):
                output.field("results", f"{folder} ({taken} belongs to another study)")
                click.echo("")
            case ResultsRecovered(number=number):
                count = output.plural(number, "result")
                click.echo(f"recorded {count} that the database had not accepted")
            case StudyComplete(store=store, study=study):
                self._complete(store, study)
            case FinalistsMeasured(device=device):
                click.echo(f"measuring the latency of the best on {device}")
            case LatencySkipped(cause=cause):
                click.echo(f"latency not measured: {cause}", err=True)
            case ResultsBegin():
                click.echo("all trials have ended; testing the best, writing the report and the "
                           "export")  # fmt: skip
            case WeightsRemoved():
                _say_removed(event)
            case _:
                say_latency_table(event)

    def _complete(self, store: Store, study: Study) -> None:
        spec = study.spec
        if self.run.profile:
            print_profiles(list(recorded_profiles(store.reports(spec.name)).values()), "trial")
        if study.exhausted:
            of = f" of the {spec.num_trials:,} planned" if spec.counted else ""
            click.echo(
                "no further architecture within the budget was found: "
                f"{len(study.candidates)}{of} candidates exist"
            )

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.__exit__()
            self._progress = None


def _say_removed(event: WeightsRemoved) -> None:
    files, size = output.plural(event.trials, "file"), size_in_bytes(event.freed)
    click.echo(f"removed {files} of weights ({size}) that the study need not keep; --keep all "
               "keeps them")  # fmt: skip
    for folder in event.left:
        click.echo(f"some could not be deleted in {folder}", err=True)


def conclude(outcome: SearchOutcome, said: Output, db: str | None) -> int:
    """Print how a study ended, and return the exit code.

    Raises:
        WeightsError: the weights of the best network are lost.
    """
    finished = outcome.finished
    if finished is None:
        return interrupted(outcome)
    from nas.cli import search_result, train_result

    further = outcome.further.finished if outcome.further else None
    if said.json:
        record = _document(finished) | {"seconds": round(outcome.seconds, 3)}
        output.echo_json(record | ({"further": _document(further)} if further else {}))
    elif outcome.study.spec.networks:
        train_result.conclude(finished, said.say)
    else:
        search_result.conclude(outcome.study, finished, said.say, further)
    if said.say and finished.lost is None:
        search_result.next_steps(read_address(db), outcome.study.spec)
    if finished.lost is not None:
        finished.lost.add_note(continue_line(outcome.resume))
        raise finished.lost
    return 0


def _document(finished: "FinishedStudy") -> dict[str, Any]:
    """Return the result of a study, and the paths of its files, as plain data."""
    record = finished_record(finished.results, finished.storage)
    files = [str(path) for path in finished.files]
    return record | {"report": str(finished.report), "export": files}


def interrupted(outcome: SearchOutcome) -> int:
    """Print what is kept and how to continue; return the exit code."""
    click.echo(f"\ninterrupted: {outcome.kept}\n{continue_line(outcome.resume)}", err=True)
    return 130
