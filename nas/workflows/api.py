"""The Python API: the functions of `import nas` for scripts and notebooks.

Nothing is printed; `on_event` is called with events (`nas.workflows.events`). Every mistake raises
a NasError. Studies are stored in `db`, by default the database in the variable NAS_DB, or nas.db.
Their files are in the folder in the variable NAS_RESULTS, or in `nas-results`. The commands have
the same defaults.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from nas.errors import InterruptedStudyError, NasError
from nas.space import Architecture, SearchSpace, load_space
from nas.workflows import events, network_export, search_run, space_comparison, train_run
from nas.workflows.network_count import NetworkCount
from nas.workflows.network_requests import NetworkExportRequest, NetworkRequest
from nas.workflows.networks import network_in
from nas.workflows.report_file import ReportRequest, write_report
from nas.workflows.request import Request
from nas.workflows.requests import (
    CompareRequest,
    LatencyRequest,
    RunRequest,
    SearchRequest,
    TrainRequest,
)
from nas.workflows.stored_study import StoredStudy, StoredTrial


def search(
    space: str | Sequence[str] = SearchRequest.space,
    *,
    budget: str | Sequence[str],
    study: str | None = SearchRequest.study,
    task: str | None = SearchRequest.task,
    data: str | Path | None = SearchRequest.data,
    trials: int | None = SearchRequest.trials,
    time: str | float | None = SearchRequest.time,
    recipe: str | None = SearchRequest.recipe,
    epochs: int | None = SearchRequest.epochs,
    rungs: Sequence[int] = SearchRequest.rungs,
    resolutions: Sequence[int] = SearchRequest.resolutions,
    eta: int | None = SearchRequest.eta,
    judge: str | None = SearchRequest.judge,
    objectives: Sequence[str] = SearchRequest.objectives,
    sampler: str = SearchRequest.sampler,
    seed: int = SearchRequest.seed,
    published: bool = SearchRequest.published,
    reuse: bool = SearchRequest.reuse,
    learn_from: str | Sequence[str] = SearchRequest.learn_from,
    learn: bool = SearchRequest.learn,
    confirm: int = SearchRequest.confirm,
    seeds: int = SearchRequest.seeds,
    proxies: bool = SearchRequest.proxies,
    teach: bool = SearchRequest.teach,
    confirm_recipe: str | None = SearchRequest.confirm_recipe,
    confirm_size: int | None = SearchRequest.confirm_size,
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
    seconds. All other settings are those of `nas search` and `SearchRequest`; `run` sets where
    trials run. The first Ctrl-C, or interruption of a notebook's cell, ends the running trials and
    raises KeyboardInterrupt: all measurements are kept, and `resume` continues.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and its measurements are kept.
        KeyboardInterrupt: the study was interrupted; the message names it.
    """
    request, run = _search_request(locals(), space, budget), run or RunRequest()
    return _complete(lambda: search_run.search(request, run, db, on_event), run, db)


def train(
    network: str | Architecture | StoredTrial,
    *,
    space: str | None = TrainRequest.space,
    against: str | None = TrainRequest.against,
    name: str | None = TrainRequest.name,
    task: str | None = TrainRequest.task,
    data: str | Path | None = TrainRequest.data,
    recipe: str | None = TrainRequest.recipe,
    settings: Mapping[str, object] | None = None,
    teacher: str | None = TrainRequest.teacher,
    start: str | None = TrainRequest.start,
    epochs: int | None = TrainRequest.epochs,
    seeds: int = TrainRequest.seeds,
    seed: int = TrainRequest.seed,
    reuse: bool = TrainRequest.reuse,
    limit: int | None = TrainRequest.limit,
    image_size: int | None = TrainRequest.image_size,
    skip_corrupt: bool = TrainRequest.skip_corrupt,
    strides: str | None = TrainRequest.strides,
    task_strides: str | None = TrainRequest.task_strides,
    run: RunRequest | None = None,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> StoredStudy:
    """Train one network to the end; return its study when it is complete.

    `network` is a trial of a study, an architecture, the name of a known network of `space`, or its
    choices in full. `settings` replace fields of the recipe, such as {"lr": 0.05}. Every other
    setting is that of `nas train` and of `TrainRequest`. An interruption has the effect that it has
    in `search`; `resume` continues a training from its last epoch.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the training failed.
        KeyboardInterrupt: the study was interrupted; the message names it.
    """
    given = locals()
    trial = network if isinstance(network, StoredTrial) else None
    named = {
        "arch": None if isinstance(network, StoredTrial) else _text_of(network),
        "study": trial.study.name if trial else None,
        "trial": trial.number if trial else None,
        "settings": tuple(f"{key}={value}" for key, value in (settings or {}).items()),
    }
    request = TrainRequest(**_settings(TrainRequest, given) | named)
    run, db = run or RunRequest(), db or (trial.study.db if trial else None)
    return _complete(lambda: train_run.train(request, run, db, on_event), run, db)


def resume(
    study: str,
    *,
    run: RunRequest | None = None,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
    retry_failed: bool = False,
) -> StoredStudy:
    """Continue a study that was interrupted; return it when it is complete.

    Finished trials are not repeated. `retry_failed` repeats the failed ones, unless they would fail
    again: a lost or silent worker, an error, or exhausted memory may have been the fault of a
    machine.

    Raises:
        NasError: there is no such study, no failed trial to repeat, the study cannot continue here,
            or it failed or paused.
        KeyboardInterrupt: the study was interrupted again.
    """
    run = run or RunRequest()
    return _complete(
        lambda: search_run.resume(study, run, db, on_event, retry_failed=retry_failed), run, db
    )


def compare_spaces(
    spaces: str | Sequence[str],
    *,
    budget: str | Sequence[str],
    number: int = CompareRequest.number,
    vary: str | None = CompareRequest.vary,
    study: str | None = SearchRequest.study,
    task: str | None = SearchRequest.task,
    data: str | Path | None = SearchRequest.data,
    limit: int | None = SearchRequest.limit,
    recipe: str | None = SearchRequest.recipe,
    epochs: int | None = SearchRequest.epochs,
    seed: int = SearchRequest.seed,
    input: str | None = SearchRequest.input,
    classes: int | None = SearchRequest.classes,
    strides: str | None = SearchRequest.strides,
    task_strides: str | None = SearchRequest.task_strides,
    run: RunRequest | None = None,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> StoredStudy:
    """Compare spaces by `number` random networks of each; return the study when it is complete.

    With `vary`, such as g1 or g1=1,2,4, the values of one choice of a single space are compared.
    `StoredStudy.comparison` has the result. All settings are those of `nas compare-spaces`.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and its measurements are kept.
        KeyboardInterrupt: the study was interrupted; the message names it.
    """
    searched = _search_request(locals(), spaces, budget)
    request, run = CompareRequest(search=searched, number=number, vary=vary), run or RunRequest()
    return _complete(lambda: space_comparison.compare_spaces(request, run, db, on_event), run, db)


def open_study(
    study: str, *, db: str | None = None, results: str | Path | None = None
) -> StoredStudy:
    """Return a study of the database, complete or not.

    Raises:
        StoreError: there is no such database or study.
    """
    found = StoredStudy(study, db) if results is None else StoredStudy(study, db, Path(results))
    found.state  # noqa: B018 - raises if there is none
    return found


def count(
    space: str | SearchSpace,
    arch: str | Architecture,
    *,
    input: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    task: str | None = None,
    db: str | None = None,
) -> NetworkCount:
    """Count a network: `.madds`, `.params`, `.acts`, and `.layers` with one record per layer.

    `arch` is an architecture, the name of a known network, its full list of choices, or an
    `arch_id`. `input` (such as 3x32x32), `classes` and `strides` replace those of the network; with
    a `task` it has the head of that task.

    Raises:
        NasError: there is no such space or network.
    """
    given = locals()
    loaded = load_space(space) if isinstance(space, str) else space
    named = {"arch": _text_of(arch), "space": loaded.name}
    request = NetworkRequest(**_settings(NetworkRequest, given) | named)
    return NetworkCount(network_in(loaded, request))


def export(
    space: str,
    arch: str | Architecture,
    directory: str | Path,
    *,
    input: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    task: str | None = None,
    opset: int | None = NetworkExportRequest.opset,
    force: bool = NetworkExportRequest.force,
    formats: Sequence[str] = NetworkExportRequest.formats,
    db: str | None = None,
) -> list[Path]:
    """Export an untrained network: source, weights, ONNX and a card; return the files.

    `formats` are the formats to write, such as ["onnx"], with the card; with a `task` the network
    has the head of that task. `StoredStudy.export` exports a trained network.

    Raises:
        NasError: there is no such space or network.
        ExportError: the directory may not be written, or a file failed its check.
    """
    given = locals()
    network = NetworkRequest(**_settings(NetworkRequest, given) | {"arch": _text_of(arch)})
    request = NetworkExportRequest(network=network, **_settings(NetworkExportRequest, given))
    return network_export.export(request).files


def report(
    study: str, path: str | Path, *, force: bool = ReportRequest.force, db: str | None = None
) -> Path:
    """Write a study as one self-contained HTML page, and return its path.

    Raises:
        NasError: there is no such study.
        ExportError: the file exists and `force` is not given, or it cannot be written.
    """
    return write_report(ReportRequest(study=study, path=Path(path), force=force, db=db))


def _search_request(
    given: Mapping[str, Any], spaces: str | Sequence[str], budget: str | Sequence[str]
) -> SearchRequest:
    """Return the request of a new study from the arguments that were `given` by name."""
    named = {"space": ",".join(_texts(spaces)), "budgets": _texts(budget)}
    named |= {key: _texts(given[key]) for key in ("objectives", "learn_from") if key in given}
    return SearchRequest(**_settings(SearchRequest, given) | named)


def _settings(request: type[Request], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that set a field of `request`, which converts their types."""
    names = {field.name for field in fields(request)}  # type: ignore[arg-type]
    return {name: value for name, value in given.items() if name in names and value is not None}


def _complete(
    work: Callable[[], search_run.SearchOutcome], run: RunRequest, db: str | None
) -> StoredStudy:
    """Return the study that `work` completes; raise KeyboardInterrupt if it is interrupted."""
    try:
        outcome = work()
    except InterruptedStudyError as error:
        raise KeyboardInterrupt(" ".join([str(error), *error.__notes__])) from error
    name = outcome.study.spec.name
    if outcome.interrupted:
        raise KeyboardInterrupt(f"{outcome.kept} Continue with: nas.resume({name!r})")
    if outcome.finished is not None and outcome.finished.lost is not None:
        raise outcome.finished.lost
    return StoredStudy(name, db, run.results_dir)


def _text_of(arch: str | Architecture) -> str:
    return arch.text if isinstance(arch, Architecture) else arch


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    parts = tuple(value) if isinstance(value, list | tuple) else (value,)
    for part in parts:
        if not isinstance(part, str):
            raise NasError(f"{part!r} is not a text.", "Write for example '300M-flops'.")
    return parts
