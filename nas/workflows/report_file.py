"""The report of a study as one self-contained HTML page."""

from dataclasses import dataclass
from pathlib import Path

from nas.errors import ExportError
from nas.results import StudyResults, best_layers, explain, view_of
from nas.store import Store, open_store, read_examples, without_collecting
from nas.workflows.request import Request


@dataclass(frozen=True, kw_only=True)
class ReportRequest(Request):
    """A study to write as one HTML page; `force` replaces an existing file."""

    study: str
    path: Path
    force: bool = False
    db: str | None = None


def write_report(request: ReportRequest) -> Path:
    """Write the page of a study, and return its path.

    Raises:
        StoreError: there is no such study.
        ExportError: the file exists, or it cannot be written.
    """
    path, name = request.path, request.study
    if path.exists() and not request.force:
        raise ExportError(f"{path} already exists.", "Give another name, or add --force.")
    with open_store(request.db, read_only=True) as store:
        with without_collecting():
            found = StudyResults(store.spec(name), store.trials(name), store.reports(name))
        state = next(each.state for each in store.studies() if each.name == name)
        write_page(store, found, state, path)
    return path


def write_page(store: Store, found: StudyResults, state: str, path: Path) -> None:
    """Write the page of a study with the results `found` to `path`, and replace an existing file.

    Raises:
        ExportError: it cannot be written.
    """
    from nas.figures import write_report

    spec = found.spec
    compute = store.command(f"proxies {spec.name} --compute")
    view = view_of(found, store.versions(spec.name), state)
    pictures = read_examples(store, found, found.best.number) if found.best else None
    why = explain(spec, found.trials, compute)
    write_report(view, path, why, pictures, best_layers(found))
