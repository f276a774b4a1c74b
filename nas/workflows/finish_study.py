"""Finish a study: test on the test split, write the report, export the best network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.errors import ExportError, NasError, StoreError, WeightsError
from nas.exports import ExportRequest, WeightsOrigin, export_network
from nas.files import drop_unfinished, write_bytes, write_whole
from nas.results import (
    MOST_CLASSES,
    Estimate,
    Figures,
    Picture,
    StudyResults,
    both_figures,
    recorded_scores,
)
from nas.storage import Storage
from nas.store import EXAMPLES_FOLDER, EXAMPLES_REPORT, Store, example_entry
from nas.study import Study, StudySpec, Trial
from nas.training import Session, Task, drawn_examples
from nas.workflows import events
from nas.workflows.further_study import record_scratch
from nas.workflows.networks import trial_place
from nas.workflows.report_file import write_page
from nas.workflows.requests import RunRequest
from nas.workflows.trained_weights import trained_session, trial_weights


@dataclass(frozen=True)
class FinishedStudy:
    """The results of a finished study, with tests, and the locations of its files.

    Its weights are in the `storage`. There are no `files` if the weights of the best network are
    `lost`: missing or changed.
    """

    results: StudyResults
    best: Trial
    report: Path
    directory: Path
    files: list[Path]
    storage: Storage
    lost: WeightsError | None = None


def finish_study(
    store: Store, study: Study, best: Trial, task: Task, run: RunRequest, on_event: events.Watcher
) -> FinishedStudy:
    """Test the best and the references with all their seeds, write the report, export the best."""
    spec = study.spec
    directory = run.results_dir / store.folder(spec.name)
    test_study(store, study, best, task, on_event)
    found = StudyResults(spec, study.trials, store.reports(spec.name))
    record_scratch(store, found)
    directory.mkdir(parents=True, exist_ok=True)  # no trial made it if all were reused
    report = directory / "report.html"
    target, files, lost = directory / "best", list[Path](), None
    try:
        record_examples(store, spec, found.exported(best), task, directory)
    except WeightsError as error:
        lost = error
    found = replace(found, reports=store.reports(spec.name))  # with those of the lines above
    write_page(store, found, "COMPLETE", report)
    try:
        if run.export:
            request = trial_request(store, found, found.exported(best), task)
            files = export_network(request, target, force=True, formats=run.formats)
    except WeightsError as error:
        lost = error
    else:
        drop_unfinished(directory)
    return FinishedStudy(found, best, report, target, files, run.files, lost)


def test_study(
    store: Store, study: Study, best: Trial, task: Task, on_event: events.Watcher
) -> None:
    """Measure networks on the test split with all their seeds, each training once.

    They are the best and the references, and every network of a study without a search. A search
    with `teach` also measures its confirmed networks, to show both of their errors.
    """
    spec, found = study.spec, StudyResults(study.spec, study.trials)
    wanted = {best.number, *(trial.number for trial in found.references)}
    wanted |= {*found.trainings} if spec.networks else found.confirmed if spec.teach else set()
    chosen = [trial for number in found.trainings if number in wanted
              for trial in found.trainings[number]]  # fmt: skip
    _test(store, spec, task, chosen, on_event)


def _test(
    store: Store, spec: StudySpec, task: Task, trials: list[Trial], on_event: events.Watcher
) -> None:
    """Record the test scores of `trials`; each is measured once.

    A trial whose weights are missing or changed is skipped, and reported.
    """
    known = recorded_scores(store.reports(spec.name))
    for trial in trials:
        if trial.number in known or not trial.weights_path:
            continue
        try:
            scores = _earlier_scores(store, trial)
            scores = scores or _measure(task, trained_session(store, spec, task, trial))
        except WeightsError as error:
            on_event(events.TestSkipped(trial.number, error.cause))
            continue
        store.record_report(spec.name, trial.number, "test", scores)


def _earlier_scores(store: Store, trial: Trial) -> dict[str, Any] | None:
    """Return the test scores of a reused trial whose original study has removed the weights."""
    place = trial_place(trial.reused or "") if trial.weights_removed_at else None
    try:
        return store.reports(place[0]).get(place[1], {}).get("test") if place else None
    except StoreError:  # that study was deleted
        return None


def _measure(task: Task, session: Session) -> dict[str, Any]:
    scores = session.scores(task.test)
    found, details = scores.result(), scores.details()
    named: dict[str, Any] = {}
    if details and task.outputs <= MOST_CLASSES:
        named = {**details, "class_names": list(task.class_names)}
    return {**found, **named, "images": float(len(task.test))}


def trial_request(store: Store, found: StudyResults, trial: Trial, task: Task) -> ExportRequest:
    """Return the export request of a trained trial: the network of its task, with its weights.

    Raises:
        NasError: the trial has no weights, because it did not reach full fidelity.
        WeightsError: they are missing.
    """
    spec = found.spec
    if trial.weights_path is None or trial.last is None:
        raise NasError(
            f"trial {trial.number} of {spec.name} is {trial.state.value.lower()}: no weights.",
            f"Choose a complete trial: {store.command(f'show {spec.name}')}",
        )
    weights = trial_weights(store, spec, trial)
    last = trial.last
    scores: dict[str, Mapping[str, float]] = {"validation": last.metrics}
    test = recorded_scores(found.reports).get(trial.number)
    if test:
        scores["test"] = {name: test[name] for name in spec.metrics}
    space = spec.space_of(trial.architecture)
    return ExportRequest(
        name=spec.network_name(trial),
        space=space,
        architecture=trial.architecture,
        input=task.input,
        classes=task.outputs,
        head=spec.head,
        deployment=spec.deployment,
        deployment_classes=spec.classes,
        strides=spec.trained(space, task.input).strides,
        deployment_strides=spec.deployed(space).strides,
        training=WeightsOrigin(
            weights=weights,
            study=spec.name,
            trial=trial.number,
            task=spec.task,
            data=task.note,
            recipe=spec.recipe,
            study_seed=spec.seed,
            trial_seed=trial.seed,
            epochs=last.epoch,
            scores=scores,
            estimates=_estimates(found, trial),
            mean=task.mean,
            std=task.std,
            class_names=task.class_names,
            sha256=trial.weights_sha256,
            teachers=spec.teachers,
            figures=_figures(found, trial),
        ),
    )


def _figures(found: StudyResults, trial: Trial) -> dict[str, Figures]:
    """Return both errors of the network of `trial` by split, if it was taught."""
    number = trial.number if trial.replicate_of is None else trial.replicate_of
    return both_figures(found, number)


def _estimates(found: StudyResults, trial: Trial) -> dict[str, Estimate]:
    """Return the estimates of the network of `trial`, which may be a further seed, by split."""
    number = trial.number if trial.replicate_of is None else trial.replicate_of
    own = {"validation": found.estimate(number), "test": found.test(number)}
    return {split: estimate for split, estimate in own.items() if estimate}


def record_examples(
    store: Store, spec: StudySpec, trial: Trial, task: Task, directory: Path
) -> None:
    """Write the examples of a trained trial into the study's folder, once, and record them.

    Does nothing if the task has no examples.

    Raises:
        WeightsError: the weights are missing or changed.
        ExportError: a file cannot be written.
    """
    known = EXAMPLES_REPORT in store.reports(spec.name).get(trial.number, {})
    if task.examples is None or known or not trial.has_weights:
        return
    drawn = drawn_examples(trained_session(store, spec, task, trial))
    entries = []
    for number, (name, content) in enumerate(drawn, start=1):
        file = f"trial-{trial.number}-{number}.jpg"
        _write(directory / EXAMPLES_FOLDER / file, content)
        entries.append(example_entry(file, Picture(name, content)))
    record = {"caption": task.examples.caption, "files": entries}
    if entries:
        store.record_report(spec.name, trial.number, EXAMPLES_REPORT, record)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda part: write_bytes(part, content))
    except OSError as error:
        raise ExportError(
            f"the example {path} cannot be written: {error.strerror or error}.",
            "Free disk space, or make the folder writable; then continue the study.",
        ) from error
