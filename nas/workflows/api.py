"""The Python API: what `import nas` offers a script or a notebook.

Nothing is printed; `on_event` hears what happens (`nas.workflows.events`). Every mistake raises a
NasError. Studies are kept in `db`, by default the file that the variable NAS_DB names, or nas.db;
their files in `nas-results`, or where the variable NAS_RESULTS says. The commands read the same.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.errors import InterruptedStudyError, NasError
from nas.space import Architecture, SearchSpace, load_space
from nas.units import parse_duration
from nas.workflows import events, search_run
from nas.workflows.network_count import NetworkCount
from nas.workflows.network_export import export
from nas.workflows.networks import network_in
from nas.workflows.requests import (
    RESULTS_DIR,
    ExportOptions,
    LatencyRequest,
    NetworkRequest,
    RunRequest,
    SearchRequest,
)
from nas.workflows.stored_study import StoredStudy


def search(
    space: str | Sequence[str] = SearchRequest.space,
    *,
    budget: str | Sequence[str],
    study: str | None = SearchRequest.study,
    task: str | None = SearchRequest.task,
    data: str | Path | None = SearchRequest.data_dir,
    trials: int | None = SearchRequest.num_trials,
    time: str | float | None = SearchRequest.time_limit,
    recipe: str | None = SearchRequest.recipe,
    epochs: int | None = SearchRequest.epochs,
    rungs: Sequence[int] = SearchRequest.rungs,
    resolutions: Sequence[int] = SearchRequest.resolutions,
    eta: int | None = SearchRequest.eta,
    objectives: Sequence[str] = SearchRequest.objectives,
    sampler: str = SearchRequest.sampler,
    seed: int = SearchRequest.seed,
    published: bool = SearchRequest.published,
    reuse: bool = SearchRequest.reuse,
    confirm: int = SearchRequest.confirm,
    seeds: int = SearchRequest.seeds,
    proxies: bool = SearchRequest.proxies,
    limit: int | None = SearchRequest.limit,
    image_size: int | None = SearchRequest.image_size,
    skip_corrupt: bool = SearchRequest.skip_corrupt,
    input: str | None = SearchRequest.input,
    classes: int | None = SearchRequest.classes,
    strides: str | None = SearchRequest.strides,
    task_strides: str | None = SearchRequest.task_strides,
    latency: LatencyRequest | None = None,
    run: RunRequest | None = None,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> StoredStudy:
    """Search a space for the best networks within a budget; return the study when it is complete.

    `budget` is a ceiling such as 300M-flops, or several; `time` is a span such as "1h30m", or
    seconds. Every other setting is that of `nas search` and of `SearchRequest`; `run` says where
    trials run. The first Ctrl-C, or interruption of a notebook's cell, ends the trials that run and
    raises KeyboardInterrupt: nothing that was measured is lost, and `resume` goes on.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and what it measured is kept.
        KeyboardInterrupt: the study was interrupted; the message names it.
    """
    request = SearchRequest(
        budgets=_texts(budget),
        space=",".join(_texts(space)),
        study=study,
        task=task,
        data_dir=None if data is None else Path(data),
        num_trials=trials,
        time_limit=parse_duration(time, "time") if isinstance(time, str) else time,
        recipe=recipe,
        epochs=epochs,
        rungs=tuple(rungs),
        resolutions=tuple(resolutions),
        eta=eta,
        objectives=_texts(objectives),
        sampler=sampler,
        seed=seed,
        published=published,
        reuse=reuse,
        confirm=confirm,
        seeds=seeds,
        proxies=proxies,
        limit=limit,
        image_size=image_size,
        skip_corrupt=skip_corrupt,
        input=input,
        classes=classes,
        strides=strides,
        task_strides=task_strides,
        latency=latency or LatencyRequest(),
    )
    run, db = run or _usual_run(), _database(db)
    try:
        outcome = search_run.search(request, run, db, on_event)
    except InterruptedStudyError as error:
        raise KeyboardInterrupt(str(error)) from error
    return _complete(outcome, run, db)


def resume(
    study: str,
    *,
    run: RunRequest | None = None,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> StoredStudy:
    """Go on with a study that was interrupted; return it when it is complete.

    Finished trials are not repeated.

    Raises:
        NasError: there is no such study, it cannot go on here, or it failed or paused.
        KeyboardInterrupt: the study was interrupted once more.
    """
    run, db = run or _usual_run(), _database(db)
    try:
        outcome = search_run.resume(study, run, db, on_event)
    except InterruptedStudyError as error:
        raise KeyboardInterrupt(str(error)) from error
    return _complete(outcome, run, db)


def open_study(
    study: str, *, db: str | None = None, results: str | Path | None = None
) -> StoredStudy:
    """Return a study of the database, complete or not.

    Raises:
        StoreError: there is no such database or study.
    """
    found = StoredStudy(study, _database(db), Path(results) if results else _results())
    found.state  # noqa: B018 - raises where there is none
    return found


def count(
    space: str | SearchSpace,
    arch: str | Architecture,
    *,
    input: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    db: str | None = None,
) -> NetworkCount:
    """Count a network: `.madds`, `.params`, `.acts`, and `.layers` with one record a layer.

    `arch` is an architecture, the name of a known network, its choices in full, or an `arch_id`.
    `input` (such as 3x32x32), `classes` and `strides` replace those of the network.

    Raises:
        NasError: there is no such space or network.
    """
    request = _named(arch, input=input, classes=classes, strides=strides, db=_database(db))
    return NetworkCount(network_in(_space(space), request))


def export_network(
    space: str,
    arch: str | Architecture,
    directory: str | Path,
    *,
    input: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    opset: int | None = ExportOptions.opset,
    force: bool = ExportOptions.force,
    db: str | None = None,
) -> list[Path]:
    """Export an untrained network: source, weights, ONNX and a card; return the files.

    A trained one is exported by `StoredStudy.export`.

    Raises:
        NasError: there is no such space or network.
        ExportError: the directory may not be written, or a file failed its check.
    """
    network = _named(
        arch, space=space, input=input, classes=classes, strides=strides, db=_database(db)
    )
    return export(network, ExportOptions(Path(directory), opset=opset, force=force)).files


def _complete(outcome: search_run.SearchOutcome, run: RunRequest, db: str | None) -> StoredStudy:
    """Return a complete study; an interrupted one raises KeyboardInterrupt."""
    name = outcome.study.spec.name
    if outcome.interrupted:
        raise KeyboardInterrupt(f"{outcome.kept} Go on with: nas.resume({name!r})")
    if outcome.shipped is not None and outcome.shipped.lost is not None:
        raise outcome.shipped.lost
    return StoredStudy(name, db, run.results_dir)


def _named(arch: str | Architecture, **settings: object) -> NetworkRequest:
    text = arch.text if isinstance(arch, Architecture) else arch
    return NetworkRequest(arch=text, any_space=False, **settings)  # type: ignore[arg-type]


def _space(space: str | SearchSpace) -> SearchSpace:
    return load_space(space) if isinstance(space, str) else space


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    parts = tuple(value) if isinstance(value, list | tuple) else (value,)
    for part in parts:
        if not isinstance(part, str):
            raise NasError(f"{part!r} is no text.", "Write it such as '300M-flops'.")
    return parts


def _database(db: str | None) -> str | None:
    return db or os.environ.get("NAS_DB") or None


def _results() -> Path:
    return Path(os.environ.get("NAS_RESULTS") or RESULTS_DIR)


def _usual_run() -> RunRequest:
    return RunRequest(results_dir=_results())
