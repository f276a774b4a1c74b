"""Run settings: what the executor on Ray needs; and the pause that a user asks for."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError, StoreError
from nas.interruption import Interruption
from nas.store import DesiredState, Store
from nas.workflows import events
from nas.workflows.requests import REPORT_TIMEOUT, RunRequest
from nas.workflows.resumption import continue_line, resume_command

if TYPE_CHECKING:
    from nas.tuner import RunSettings
    from nas.workflows.preflight_checks import Preflight


def run_settings(
    store: Store, ready: "Preflight", run: RunRequest, on_event: events.Watcher
) -> "RunSettings":
    """Return the settings for running the trials of a study on Ray."""
    from nas.tuner import RunSettings
    from nas.workflows.machine import cpus_per_trial, gpus_per_trial
    from nas.workflows.teachers import start_of, teachers_of

    spec = ready.spec

    return RunSettings(
        results_dir=run.results_dir,
        data_dir=Path(spec.data_dir) if spec.data_dir else None,
        ray_address=run.ray_address,
        cpus_per_trial=cpus_per_trial(spec, run, ready.machine),
        gpus_per_trial=gpus_per_trial(run, ready.machine),
        max_concurrent=run.max_concurrent,
        priority=run.priority,
        report_timeout=run.report_timeout or (math.inf if spec.networks else REPORT_TIMEOUT),
        profile=run.profile,
        loaders=run.loaders,
        workers=run.workers,
        folder=store.folder(spec.name),
        study_id=store.uid(spec.name),
        owns_process=run.owns_process,
        abandon=lambda error: _abandon(store, spec.name, run, on_event, error),
        teachers=teachers_of(store, spec, ready.task) if spec.teachers else (),
        start=start_of(store, spec.recipe, run.files),
        storage=run.storage or "",
    )


def _abandon(
    store: Store, name: str, run: RunRequest, on_event: events.Watcher, error: NasError
) -> None:
    """Record that a study was interrupted, because its main thread waits for a lost Ray."""
    error.add_note(continue_line(resume_command(store, name, run)))
    with suppress(StoreError):
        store.set_state(name, "INTERRUPTED")
        store.close()
    on_event(events.Abandoned(error))


_PERIOD_SECONDS = 2.0


@contextmanager
def pausing_on_order(store: Store, study: str) -> Iterator[None]:
    """Interrupt the run in the block, as a signal would, when its order is to pause."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_PERIOD_SECONDS):
            try:
                paused = store.desired_state(study) is DesiredState.PAUSE
            except StoreError:
                continue  # the run waits for the database, too
            if paused and Interruption.current is not None:
                Interruption.current.request()

    thread = threading.Thread(target=watch, name="nas-pause", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
