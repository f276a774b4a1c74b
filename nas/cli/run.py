"""Run a study and finish it: the plan before, the progress during, the result after."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from nas import results
from nas.budget import admits, si
from nas.cli import output, rows
from nas.cli.finish import Shipped, ship
from nas.cli.progress import Progress
from nas.cli.studies import print_front
from nas.cost import CostModel
from nas.errors import NasError, StudyFailedError
from nas.feasible import FeasibleSpace
from nas.lowering import adapt
from nas.samplers import make_sampler
from nas.spec import StudySpec
from nas.store import Store
from nas.study import Study
from nas.train.data import load_task
from nas.train.devices import default_device, describe_devices
from nas.trial import TrialState
from nas.tuner import RunSettings, run
from nas.view import task_note

_VERSIONED = (
    "nas", "torch", "torchvision", "ray", "optuna", "fvcore", "numpy", "sqlalchemy", "plotly",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How to execute and what to say; none of it is part of the study."""

    results_dir: Path
    ray_address: str | None
    cpus_per_trial: float
    gpus_per_trial: float
    max_concurrent: int | None
    report_timeout: float
    say: bool
    json: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Settings":
        """Read the options of the command line."""
        gpus = given["gpus_per_trial"]
        if gpus is None:
            gpus = 1.0 if default_device().type == "cuda" else 0.0
        return cls(
            results_dir=given["results_dir"],
            ray_address=given["ray_address"],
            cpus_per_trial=given["cpus_per_trial"],
            gpus_per_trial=gpus,
            max_concurrent=given["max_concurrent"],
            report_timeout=given["report_timeout"],
            say=not (given["quiet"] or given["json_"]),
            json=given["json_"],
        )


def versions() -> dict[str, str]:
    """Return the versions of what measures: Python and the libraries, by name."""
    import platform

    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}


def preflight(spec: StudySpec, costs: CostModel, settings: Settings) -> None:
    """Find every mistake before the first trial, and tell the user the plan.

    Raises:
        NasError: the budget cannot be met, the data cannot be read, the results cannot be written.
    """
    feasible = FeasibleSpace(costs, spec.budget)
    feasible.check()
    make_sampler(spec.sampler, feasible, spec.goals)
    task = load_task(spec.task, spec.data_dir, spec.seed, spec.limit)
    _probe(settings.results_dir)
    if not settings.say:
        return
    low, high = feasible.bounds()
    share = f"{100 * low / feasible.total:.3g} to {100 * high / feasible.total:.3g} %"
    lines = {
        "study": spec.name,
        "space": f"{spec.space_name}: {feasible.total:.3g} distinct architectures",
        "budget": f"{', '.join(map(str, spec.budget)) or 'none'}: {share} of them fit",
        "counted at": f"{adapt(spec.space, spec.deployment).describe()}, {spec.classes} classes; "
        "multiply-adds of conv + linear layers, batch 1",
        "trained at": f"{adapt(spec.space, task.input).describe()}, {task.classes} classes",
        "task": task.note,
        "plan": _plan(spec),
        "devices": describe_devices(),
    }
    for name, line in lines.items():
        click.echo(f"{name:<11} {line}")
    note = task_note(spec.task)
    if note:
        click.echo(f"{'note':<11} {note}")
    click.echo("")


def run_study(store: Store, spec: StudySpec, settings: Settings, db: str | None) -> int:
    """Run what is left of a study, ship its best network, and return the exit code."""
    with store.acquire(spec.name):
        costs = CostModel(spec.space, spec.deployment, spec.classes)
        sampler = make_sampler(spec.sampler, FeasibleSpace(costs, spec.budget), spec.goals)
        study = Study(spec, store, sampler)
        store.set_state(spec.name, "RUNNING")
        try:
            with Progress(study, quiet=not settings.say) as progress:
                outcome = run(study, _run_settings(spec, settings), progress.watch)
        except StudyFailedError:
            store.set_state(spec.name, "FAILED")
            raise
        except BaseException:
            store.set_state(spec.name, "INTERRUPTED")
            raise
        if outcome.interrupted:
            store.set_state(spec.name, "INTERRUPTED")
            return _interrupted(study, db)
        store.set_state(spec.name, "COMPLETE")
        _audit(study)
        best = results.best(spec, study.trials)
        if best is None:
            raise StudyFailedError(
                f"no candidate of {spec.name} reached full fidelity.",
                f"See why: nas show {spec.name}{_db(db)}",
            )
        shipped = ship(store, study, best, settings.results_dir / spec.name)
    _conclude(study, shipped, settings, outcome.seconds, db)
    return 0


def _run_settings(spec: StudySpec, settings: Settings) -> RunSettings:
    return RunSettings(
        results_dir=settings.results_dir,
        data_dir=Path(spec.data_dir) if spec.data_dir else None,
        ray_address=settings.ray_address,
        cpus_per_trial=settings.cpus_per_trial,
        gpus_per_trial=settings.gpus_per_trial,
        max_concurrent=settings.max_concurrent,
        report_timeout=settings.report_timeout,
    )


def _plan(spec: StudySpec) -> str:
    references = len(spec.space.published) if spec.published else 0
    rungs = ", ".join(map(str, spec.rungs))
    beside = f" and {references} published references" if references else ""
    return (
        f"{spec.num_trials} candidates{beside} for {' and '.join(spec.objectives)}, judged after "
        f"{rungs} epochs (the best 1/{spec.eta} go on), sampler {spec.sampler}, seed {spec.seed}"
    )


def _probe(directory: Path) -> None:
    """Write to the results directory and remove it again."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=directory, prefix=".probe-")
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise NasError(
            f"cannot write to {directory}: {error.strerror or error}.",
            "Name a directory that can be written: --results DIR",
        ) from error


def _audit(study: Study) -> None:
    """Hold every candidate to the budget once more, as it stands in the record."""
    for trial in study.candidates:
        assert admits(study.spec.budget, trial.cost), trial


def _interrupted(study: Study, db: str | None) -> int:
    finished = sum(trial.state.finished for trial in study.trials)
    waiting = sum(trial.state is TrialState.WAITING for trial in study.trials)
    click.echo(
        f"\ninterrupted: {finished} finished trials are kept, {waiting} begun ones start again."
        f"\nGo on with: nas resume {study.spec.name}{_db(db)}",
        err=True,
    )
    return 130


def _conclude(
    study: Study, shipped: Shipped, settings: Settings, seconds: float, db: str | None
) -> None:
    spec, name = study.spec, study.spec.name
    if settings.json:
        output.echo_json(
            {
                "study": name,
                "seconds": round(seconds, 3),
                "hypervolume": results.study_hypervolume(spec, study.trials),
                "best": rows.trial_row(shipped.best) | {"test": shipped.test(shipped.best)},
                "front": [rows.trial_row(t) for t in results.front(spec, study.trials)],
                "published": [
                    rows.trial_row(t) | {"test": shipped.test(t)}
                    for t in study.trials
                    if t.reference
                ],
                "report": str(shipped.report),
                "export": [str(path) for path in shipped.files],
            }
        )
        return
    click.echo("")
    print_front(spec, study.trials)
    click.echo(f"\n{_verdict(spec, shipped)}")
    if not settings.say:
        return
    note = task_note(spec.task)
    click.echo(f"{note}\n" if note else "")
    click.echo(f"report      {shipped.report}")
    click.echo(f"exported    {shipped.directory}: {', '.join(p.name for p in shipped.files)}")
    click.echo(f"took        {output.duration(seconds)} for {len(study.trials)} trials\n")
    click.echo("next")
    for verb in (f"show {name}", f"front {name} --csv", f"export {name} --trial N -o DIR",
                 f"dashboard --study {name}"):  # fmt: skip
        click.echo(f"  nas {verb}{_db(db)}")


def _verdict(spec: StudySpec, shipped: Shipped) -> str:
    best, last = shipped.best, shipped.best.last
    assert last is not None
    lines = [
        f"best: trial {best.number}, {si(best.cost.madds)} madds, {si(best.cost.params)} params, "
        f"val error {output.percent(last.top1_error)}, {_tested(shipped, best.number)} "
        f"({spec.task}, {last.epoch} epochs, 1 seed; lowest of several on validation, so "
        "the test error is the fairer figure)",
        f"      {best.architecture}",
    ]
    lines += [
        f"      {trial.reference}: {si(trial.cost.madds)} madds, {_tested(shipped, trial.number)}"
        for trial in shipped.references
    ]
    return "\n".join(lines)


def _tested(shipped: Shipped, number: int) -> str:
    score = shipped.scores.get(number)
    if score is None:
        return "not tested"
    return f"test error {output.percent(score['top1_error'])} ({score['images']:.0f} images)"


def _db(db: str | None) -> str:
    return f" --db {db}" if db else ""
