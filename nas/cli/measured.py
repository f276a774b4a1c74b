"""The last look at latency: the best networks of a finished study are measured as a whole."""

from collections.abc import Mapping
from dataclasses import asdict

import click

from nas import results
from nas.confirm import confirmed
from nas.errors import NasError
from nas.measured import Measured, measured, over_budget, report_kind
from nas.spec import StudySpec
from nas.store import Store
from nas.study import Study
from nas.train.latency.measure import measure_network
from nas.train.latency.runtimes import Runtime, open_runtime
from nas.trial import Trial


def winner(store: Store, study: Study, say: bool) -> Trial | None:
    """Return the best complete candidate, one that holds a budget in latency when it is measured.

    The front, the confirmed and every winner on the way are measured, each once, and recorded. If
    none holds the budget, or nothing can be measured here, it is the best by the table.
    """
    spec, trials = study.spec, study.trials
    best = results.best(spec, trials)
    runtime = _runtime(spec, say) if spec.latency and best else None
    if runtime is None:
        return best
    if say:
        click.echo(f"measuring the latency of the best on {runtime.device}")
    found = measured(spec, store.reports(spec.name))
    means = confirmed(trials)
    for trial in results.front(spec, trials):
        _measure(store, spec, trial, runtime, found)
    for number in means:
        _measure(store, spec, study.trial(number), runtime, found)
    chosen = best
    while chosen is not None:
        _measure(store, spec, chosen, runtime, found)
        over = over_budget(spec, found)
        if chosen.number not in over:
            return chosen
        chosen = results.best(spec, trials, over)
    return best


def lines(spec: StudySpec, best: Trial, found: Mapping[int, Measured]) -> list[str]:
    """Return what there is to say of the latency of the best; nothing where none was asked for."""
    if best.number not in found:
        return []
    own = found[best.number]
    table = spec.latency_tables[best.architecture.space]
    said = [
        f"latency {own}",
        f"(on {own.device}; the table is {table.accuracy})",
    ]
    over = over_budget(spec, found)
    if best.number in over:
        said.append("over the budget as measured, like every complete candidate that was measured")
    elif over:
        trials = ", ".join(map(str, sorted(over)))
        said.append(f"(over the budget as measured, so not the best: trial {trials})")
    if not own.comparable:
        said.append(f"(the table was measured on {table.device}, so that the budget holds there)")
    return said


def _measure(
    store: Store, spec: StudySpec, trial: Trial, runtime: Runtime, found: dict[int, Measured]
) -> None:
    """Measure one trial and record it, unless that has been done."""
    if trial.number in found:
        return
    table = spec.latency_tables[trial.architecture.space]
    layers = spec.deployed_layers(trial.architecture)
    own = Measured.of(
        trial.cost.latency,
        measure_network(runtime, layers),
        str(runtime.device),
        runtime.device == table.device,
    )
    found[trial.number] = own
    store.record_report(spec.name, trial.number, report_kind(spec), asdict(own))


def _runtime(spec: StudySpec, say: bool) -> Runtime | None:
    """Return the runtime of the study's table; None where this machine has none like it."""
    device = next(iter(spec.latency_tables.values())).device
    try:
        return open_runtime(device.kind, device.runtime, device.threads)
    except NasError as error:
        if say:
            click.echo(f"latency not measured: {error.cause}", err=True)
        return None
