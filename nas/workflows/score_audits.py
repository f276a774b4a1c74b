"""Audit the training-free scores of a study; missing scores can be computed first."""

from dataclasses import dataclass

from nas.results import ScoreAudit, complete_candidates, study_audit
from nas.store import Store, open_store
from nas.study import StudySpec
from nas.workflows import events
from nas.workflows.request import Request


@dataclass(frozen=True, kw_only=True)
class AuditRequest(Request):
    """A study to audit; `compute` first computes the missing scores of complete candidates."""

    study: str
    compute: bool = False
    db: str | None = None


def audit_study(
    request: AuditRequest, on_event: events.Watcher = events.ignore
) -> tuple[StudySpec, ScoreAudit]:
    """Return a study, and the audit of its scores.

    Raises:
        NasError: there is no such study, another process holds it, or its data cannot be read.
    """
    name = request.study
    if request.compute:
        with open_store(request.db, create=False) as store, store.acquire(name):
            _compute(store, name, on_event)
    with open_store(request.db, read_only=True) as store:
        spec, trials = store.spec(name), store.trials(name)
    return spec, study_audit(spec, trials)


def _compute(store: Store, study: str, on_event: events.Watcher) -> None:
    """Compute and store the scores of the complete candidates that have none."""
    lacking = [t for t in complete_candidates(store.trials(study)) if not t.proxies]
    if not lacking:
        return
    on_event(events.ScoresBegin(len(lacking)))
    from nas.training import load_study_task, proxy_batches, proxy_scores  # loads torch

    spec = store.spec(study)
    task = load_study_task(spec)
    batches = proxy_batches(task, spec.seed)
    for trial in lacking:
        layers = spec.task_layers(trial.architecture, task.input, task.outputs)
        scores = proxy_scores(layers, batches, spec.seed, task.goal.loss)
        store.record_proxies(study, trial.number, trial.attempt, scores)
