"""A study of the database in Python: its records, its networks, and their export."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, StorageError
from nas.results import (
    StudyResults,
    compare,
    comparison_document,
    finished_record,
    profile_record,
    study_effects,
    study_record,
    trial_details,
    trial_record,
)
from nas.storage import File, weights_storage
from nas.store import (
    StudyNode,
    StudyState,
    StudySummary,
    open_store,
    read_address,
    without_collecting,
)
from nas.study import StudySpec, Trial, TrialAttempt
from nas.user_folders import results_folder
from nas.workflows.network_requests import NetworkExportRequest, NetworkRequest
from nas.workflows.networks import study_trial
from nas.workflows.report_file import ReportRequest, write_report

if TYPE_CHECKING:
    from nas.training import Network


@dataclass(frozen=True)
class StoredTrial:
    """One trial of a study."""

    study: "StoredStudy"
    record: dict[str, Any]

    @property
    def number(self) -> int:
        """The number of the trial in its study."""
        return int(self.record["trial"])

    @property
    def value(self) -> float | None:
        """The reported metric on validation, such as the top-1 error; the mean over the seeds."""
        found: float | None = self.record[self.study.spec.reported.column]
        return found

    def __getattr__(self, name: str) -> Any:
        """Return another column of the record, such as `top1_error`, `madds` or `arch_id`."""
        if name in ("study", "record") or name not in self.record:
            raise AttributeError(f"a trial has no {name}")
        return self.record[name]

    def network(self) -> "Network":
        """Return the network with its trained weights, in eval mode, on the CPU.

        Its input is a batch of images of the task (N, C, H, W), normalised as in training. Its
        output is logits (N, classes), or a tuple of maps if its head has several outputs.

        Raises:
            NasError: the trial has no weights, or they are missing or changed.
        """
        from nas.training import build, load_weights
        from nas.workflows.network_export import trained_network  # loads torch

        request = trained_network(self._request, self.study.results_dir)
        network = build(request.layers())
        if request.training is not None:
            load_weights(network, request.training.weights, request.training.sha256)
        network.eval()
        return network

    def export(
        self,
        directory: str | Path,
        *,
        deploy: bool = NetworkExportRequest.deploy,
        opset: int | None = NetworkExportRequest.opset,
        force: bool = NetworkExportRequest.force,
        formats: Sequence[str] = NetworkExportRequest.formats,
    ) -> list[Path]:
        """Write source, weights, ONNX and a card into `directory`, and return the files.

        `deploy` exports the network at the deployment of the study, with an untrained head; `force`
        replaces an earlier export. `formats` are the formats to write, such as ["onnx"], with the
        card.

        Raises:
            NasError: the trial has no weights, or they are missing or changed.
            ExportError: the directory may not be written, or a file failed its check.
        """
        from nas.workflows.network_export import export  # loads torch

        return export(
            NetworkExportRequest(
                network=self._request,
                directory=Path(directory),
                deploy=deploy,
                opset=opset,
                force=force,
                results_dir=self.study.results_dir,
                formats=formats,
            )
        ).files

    def details(self) -> dict[str, Any]:
        """Return all data of the trial, as `nas show STUDY --trial N --json` prints it.

        They include the network by stage under `parts`, the `curve`, the `trainings`, one for each
        seed, and the `attempts`, one for each start.
        """
        found, trial = self.study.read_trial(self.number)
        return trial_details(trial, found, self.study.attempts(self.number))

    @property
    def _request(self) -> NetworkRequest:
        return NetworkRequest(study=self.study.name, trial=self.number, db=self.study.db)


@dataclass(frozen=True)
class StoredStudy:
    """A study of the database `db`; each call reads the current record.

    Records are lists of dicts, one per trial, for `pandas.DataFrame`. Errors are shares in [0, 1].
    """

    name: str
    db: str | None = None
    results_dir: Path = field(default_factory=results_folder)

    @cached_property
    def spec(self) -> StudySpec:
        """The specification of the study."""
        with open_store(self.db, read_only=True) as store:
            return store.spec(self.name)

    @property
    def state(self) -> StudyState:
        """RUNNING, INTERRUPTED, COMPLETE or FAILED."""
        with open_store(self.db, read_only=True) as store:
            store.spec(self.name)  # raises if there is none
            return next(each.state for each in store.studies() if each.name == self.name)

    @property
    def results(self) -> StudyResults:
        """The results of the study so far, as the object from which reports are made."""
        return self.read()

    def read(self, *, curves: bool = True) -> StudyResults:
        """Return `results`; without `curves` only the last measurement of each trial, faster."""
        with without_collecting(), open_store(self.db, read_only=True) as store:
            trials, reports = store.trials(self.name, curves=curves), store.reports(self.name)
            return StudyResults(store.spec(self.name), trials, reports)

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the libraries with which the study was trained."""
        with open_store(self.db, read_only=True) as store:
            return store.versions(self.name)

    @property
    def storage(self) -> str | None:
        """The place of the weights: a folder or a URI; None if they are in results folders."""
        with open_store(self.db, read_only=True) as store:
            return store.storage(self.name)

    def command(self, words: str) -> str:
        """Return `nas words` as a command to type, with --db unless the database is the default."""
        return read_address(self.db).command(words)

    def record(self) -> dict[str, Any]:
        """Return all data of the study, as `nas show STUDY --json` prints it."""
        storage = {"storage": place} if (place := self.storage) else {}
        found = self.read(curves=False)
        more = {"weights": self.weights(found), "nodes": [asdict(one) for one in self.nodes()]}
        return study_record(found, self.versions) | storage | more

    def weights(self, found: StudyResults) -> dict[str, Any]:
        """Return how many trials of `found` have weights, and which are kept after the study.

        `keep` is front or all, `trials` and `removed` are numbers of trainings.
        """
        with open_store(self.db, read_only=True) as store:
            keep = store.keep(self.name)
        have = sum(trial.has_weights for trial in found.trials)
        gone = sum(trial.weights_removed_at is not None for trial in found.trials)
        return {"keep": keep.value, "trials": have, "removed": gone}

    def nodes(self) -> list[StudyNode]:
        """Return the nodes of clusters that were checked for the study, with their versions."""
        with open_store(self.db, read_only=True) as store:
            return store.nodes(self.name)

    def result(self) -> dict[str, Any]:
        """Return the result so far, as `nas search --json` and `nas train --json` print it."""
        return finished_record(self.results, weights_storage(self.storage, self.results_dir))

    def profile(self) -> dict[str, Any]:
        """Return the times of parts of trials, as `nas show STUDY --profile --json` prints them."""
        return profile_record(self.read(curves=False))

    def trials(self) -> list[dict[str, Any]]:
        """Return every trial, references and further seeds included."""
        found = self.read(curves=False)
        return [trial_record(trial, found) for trial in found.trials]

    def front(self) -> list[dict[str, Any]]:
        """Return the Pareto front, cheapest first."""
        found = self.read(curves=False)
        return [trial_record(trial, found) for trial in found.front]

    def references(self) -> list[dict[str, Any]]:
        """Return the published architectures that were trained to the end."""
        found = self.read(curves=False)
        return [trial_record(trial, found) for trial in found.references]

    @property
    def best(self) -> StoredTrial:
        """The best trial.

        Raises:
            NasError: no trial is complete yet.
        """
        found = self.results
        if found.best is None:
            raise NasError(
                f"{self.name} has no complete trial yet.", f"Continue it: nas.resume({self.name!r})"
            )
        return StoredTrial(self, trial_record(found.best, found))

    def trial(self, number: int) -> StoredTrial:
        """Return one trial.

        Raises:
            NasError: there is no trial with this number.
        """
        found, trial = self.read_trial(number)
        return StoredTrial(self, trial_record(trial, found))

    def read_trial(self, number: int) -> tuple[StudyResults, Trial]:
        """Return `results`, and one trial of them.

        Raises:
            NasError: there is no trial with this number.
        """
        with without_collecting(), open_store(self.db, read_only=True) as store:
            return study_trial(store, self.name, number)

    def attempts(self, number: int) -> list[TrialAttempt]:
        """Return every start of a trial, oldest first: where it ran, how it ended, and why."""
        with open_store(self.db, read_only=True) as store:
            return store.attempts(self.name, number)

    def weights_files(self, found: StudyResults, trial: Trial) -> dict[int, File | None]:
        """Return the weights of each training of a trial's network; None if they are missing.

        If the storage cannot be reached, they are named as recorded.
        """
        own = found.all_trainings(trial)
        with open_store(self.db, read_only=True) as store:
            try:
                return {one.number: store.weights_file(self.name, one) for one in own}
            except StorageError:
                place = weights_storage(store.storage(self.name), self.results_dir)
                files = {one.number: place.file(one.weights_path or "") for one in own}
                return {one.number: files[one.number] if one.has_weights else None for one in own}

    def export(
        self,
        directory: str | Path,
        *,
        deploy: bool = NetworkExportRequest.deploy,
        opset: int | None = NetworkExportRequest.opset,
        force: bool = NetworkExportRequest.force,
        formats: Sequence[str] = NetworkExportRequest.formats,
    ) -> list[Path]:
        """Export the best trial, as `StoredTrial.export`."""
        return self.best.export(directory, deploy=deploy, opset=opset, force=force, formats=formats)

    def comparison(self, thresholds: Sequence[float] = ()) -> dict[str, Any]:
        """Return the result of a comparison of spaces, as `nas compare-spaces --json` prints it.

        `thresholds` are errors, shares in [0, 1]; empty: the quartiles of all errors.

        Raises:
            NasError: the study is not a comparison.
        """
        found = self.results
        return comparison_document(self.spec, compare(self.spec, found.trials, thresholds))

    def effects(self) -> list[dict[str, Any]]:
        """Return how much each choice changes the reported metric, the largest change first.

        Each record has `choice`, `low` and `high` (its values), `change` with its 95 % interval
        `change_low` to `change_high` (a share if `relative`, or in the exact unit of the metric),
        `importance` with `importance_low` and `importance_high`, the share of the variance that is
        due to the choice, and `cost`, the share by which the multiply-adds change. The networks are
        those that use 85 to 100 % of the budget; if they are too few, all within the budget. Empty
        with too few complete trials.
        """
        found = study_effects(self.spec, self.results.trials)
        return [effect.record() for effect in found.effects] if found else []

    def report(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the study as one self-contained HTML page, and return its path.

        Raises:
            ExportError: the file exists and `force` is not given, or it cannot be written.
        """
        return write_report(
            ReportRequest(study=self.name, path=Path(path), force=force, db=self.db)
        )


def list_studies(db: str | None = None) -> list[tuple[StudySummary, dict[str, Any]]]:
    """Return the studies of a database, each with its record as `nas list --json` prints it.

    Raises:
        StoreError: there is no such database.
    """
    with open_store(db, read_only=True) as store:
        studies, sizes = store.studies(), store.disk_use()
    return [(study, _summary_record(study, sizes.get(study.name, 0))) for study in studies]


def _summary_record(study: StudySummary, size: int) -> dict[str, Any]:
    """Return a summary as plain data; a RUNNING study without a live process is `killed`."""
    state, share = study.state.value.lower(), study.metric.share
    return {
        "kind": "training" if study.fixed else "study",
        "study": study.name,
        "state": "killed" if state == "running" and study.holder is None else state,
        "space": study.space,
        "budget": study.budget,
        "task": study.task,
        "trials": dict(study.counts),
        "best_error": study.best if share else None,
        **({} if share else {"metric": study.metric.name, "best": study.best}),
        "bytes": size,
        "created_at": study.created_at,
    }
