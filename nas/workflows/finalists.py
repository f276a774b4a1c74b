"""Final latency measurement: the best networks of a finished study are measured as a whole."""

from collections.abc import Mapping
from dataclasses import asdict

from nas.errors import NasError
from nas.results import MeasuredLatency, StudyResults, measured_latencies, report_kind
from nas.store import Store
from nas.study import Study, StudySpec, Trial
from nas.training import Runtime, measure_network, open_runtime
from nas.workflows import events


def winner(store: Store, study: Study, on_event: events.Watcher) -> Trial | None:
    """Return the best complete candidate whose measured latency is within the budget.

    The members of the front and the confirmed candidates are measured once each and recorded, until
    all members of the remaining front are measured. If none is within the budget, or this machine
    cannot measure them, the best candidate by the table is returned.
    """
    spec, trials = study.spec, study.trials
    found = StudyResults(spec, trials, store.reports(spec.name))
    runtime = _runtime(spec, on_event) if spec.latency and found.best else None
    if runtime is None:
        return found.best
    on_event(events.FinalistsMeasured(str(runtime.device)))
    known = measured_latencies(spec, found.reports)
    while wanted := _unmeasured(found, known):
        for trial in wanted:
            known[trial.number] = _measure(store, spec, trial, runtime)
        found = StudyResults(spec, trials, store.reports(spec.name))
    return found.best


def _unmeasured(found: StudyResults, known: Mapping[int, MeasuredLatency]) -> list[Trial]:
    """Return the candidates on the front, and the confirmed ones, without a measurement."""
    wanted = {trial.number for trial in found.front} | found.confirmed
    return [t for t in found.complete if t.number in wanted and t.number not in known]


def _measure(store: Store, spec: StudySpec, trial: Trial, runtime: Runtime) -> MeasuredLatency:
    """Measure one trial, record and return it."""
    table = spec.latency_tables[trial.architecture.space]
    layers = spec.deployed_layers(trial.architecture)
    own = MeasuredLatency.of(
        trial.cost.latency,
        measure_network(runtime, layers),
        str(runtime.device),
        runtime.device == table.device,
    )
    store.record_report(spec.name, trial.number, report_kind(spec), asdict(own))
    return own


def _runtime(spec: StudySpec, on_event: events.Watcher) -> Runtime | None:
    """Return the runtime of the study's table; None if this machine has no such device."""
    device = next(iter(spec.latency_tables.values())).device
    try:
        return open_runtime(device.kind, device.runtime, device.threads)
    except NasError as error:
        on_event(events.LatencySkipped(error.cause))
        return None
