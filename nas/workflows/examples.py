"""Record examples: draw some images of the validation split with the outputs of a network."""

from pathlib import Path

from nas.errors import ExportError
from nas.files import write_bytes, write_whole
from nas.results import Picture
from nas.store import EXAMPLES_FOLDER, EXAMPLES_REPORT, Store, example_entry
from nas.study import StudySpec, Trial
from nas.training import Task, drawn_examples
from nas.workflows.trained_weights import trained_session


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
