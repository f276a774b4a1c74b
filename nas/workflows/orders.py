"""Orders: submit a study to another process, run it as its driver, or stop it wherever it runs."""

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

from nas.errors import NasError
from nas.store import DesiredState, StudyState, open_store
from nas.workflows import events
from nas.workflows.plan import check_request, plan_study
from nas.workflows.requests import RunRequest, SearchRequest
from nas.workflows.search_run import SearchOutcome, enter, resume

_HERE = ("owns_process",)  # of the process that runs, not of the study


def submit_search(
    request: SearchRequest,
    run: RunRequest,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> str:
    """Create the study of `request`, for another process to run; return its name.

    With `ray_address` "auto" the cluster of the driver need not run yet.

    Raises:
        NasError: a setting cannot be used, and nothing was created.
    """
    from nas.tuner import joined

    check_request(request)
    with ExitStack() as cluster, open_store(db) as store:
        try:
            cluster.enter_context(joined(run.ray_address))
        except NasError:
            if run.ray_address != "auto":  # that of the driver's machine, which may not run yet
                raise
        spec = plan_study(request, on_event, run)
        from nas.workflows.preflight_checks import preflight

        spec = enter(store, preflight(spec, run), request.study, run, request)
        store.submit(spec.name, _text(run))
    return spec.name


def submit(study: str, run: RunRequest | None = None, db: str | None = None) -> None:
    """Order a driver for a study of the database; without `run`, its settings do not change.

    Raises:
        NasError: there is no such study, it is complete, or it has a driver.
    """
    with open_store(db, create=False) as store:
        state, holder = store.activity(study)
        if holder is not None:
            command = store.command(f"stop {study}")
            raise NasError(f"{study} is run by {holder}.", f"To pause it type: {command}")
        if state is StudyState.COMPLETE:
            raise NasError(
                f"{study} is complete.", f"See it with: {store.command(f'show {study}')}"
            )
        store.submit(study, _text(run) if run else None)


def drive(
    study: str, run: RunRequest, db: str | None = None, on_event: events.Watcher = events.ignore
) -> SearchOutcome:
    """Continue a study with the settings of its order, from `ordered_run`.

    If a user has paused the study in the meantime, it stays paused.

    Raises:
        NasError: as in `resume`.
    """
    return resume(study, run, db, on_event, unpause=False)


def ordered_run(study: str, db: str | None = None) -> RunRequest:
    """Return the run settings in the order of a study; the defaults if it has no order.

    Raises:
        NasError: there is no such study, or a user has paused it.
    """
    with open_store(db, create=False) as store:
        store.spec(study)  # refuses an unknown name
        order = store.order(study)
        if order is not None and order.desired is DesiredState.PAUSE:
            command = store.command(f"submit {study}")
            raise NasError(f"{study} was paused.", f"Queue it again first: {command}")
    settings = json.loads(order.settings) if order and order.settings else {}
    return replace(RunRequest(**settings), owns_process=True)


def stop(study: str, db: str | None = None) -> str | None:
    """Order a study to pause; return the process that runs it, as host:pid, None if none does."""
    with open_store(db, create=False) as store:
        store.pause(study)
        return store.activity(study)[1]


def _text(run: RunRequest) -> str:
    """Return the settings of a run as JSON, with absolute folders."""
    settings: dict[str, Any] = asdict(replace(run, results_dir=run.results_dir.absolute()))
    kept = {name: value for name, value in settings.items() if name not in _HERE}
    return json.dumps(kept, default=str, sort_keys=True)
