"""Run a study and finish it: the plan before, the progress during, the result after."""

import os
import shlex
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import torch

from nas import results
from nas.budget import admits, si
from nas.cli import STARTED, output, rows
from nas.cli.finish import Shipped, ship
from nas.cli.progress import Progress
from nas.cli.studies import print_front
from nas.cost import CostModel
from nas.errors import InterruptedStudyError, NasError, StudyFailedError
from nas.feasible import FeasibleSpace
from nas.layers import Shape
from nas.listed import feasible_space
from nas.lowering import adapt
from nas.samplers import make_sampler
from nas.spec import StudySpec
from nas.store import Store
from nas.study import Sampler, Study
from nas.train.data import Task, load_task
from nas.train.devices import default_device, describe_devices
from nas.trial import Trial, TrialState
from nas.tuner import RunResult, RunSettings, knock, run, too_small
from nas.union import FeasibleUnion
from nas.view import study_note

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

    def resume(self, store: Store, study: str) -> str:
        """Return what to type to go on with `study` in the same directory on the same cluster."""
        words = f"resume {study}"
        if self.results_dir != Path("nas-results"):
            words += f" --results {shlex.quote(str(self.results_dir))}"
        if self.ray_address:
            words += f" --ray-address {self.ray_address}"
        return store.command(words)


def versions() -> dict[str, str]:
    """Return the versions of what measures: Python and the libraries, by name."""
    import platform

    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}


@dataclass(frozen=True)
class Preflight:
    """What the preflight of a study has made; the run goes on with it."""

    feasible: FeasibleSpace | FeasibleUnion
    sampler: Sampler
    task: Task


def preflight(spec: StudySpec, settings: Settings) -> Preflight:
    """Find every mistake before anything is created.

    Raises:
        NasError: the budget cannot be met, the data cannot be read, the results cannot be written.
    """
    feasible = _feasible(spec)
    feasible.check()
    sampler = make_sampler(spec.sampler, feasible, spec.goals)
    task = load_task(spec.task, spec.data_dir, spec.seed, spec.limit)
    _probe(settings.results_dir)
    _check_room(settings)
    return Preflight(feasible, sampler, task)


def _feasible(spec: StudySpec) -> FeasibleSpace | FeasibleUnion:
    parts = {
        name: feasible_space(CostModel(space, spec.deployment, spec.classes), spec.budget)
        for name, space in spec.spaces.items()
    }
    return parts[spec.space.name] if len(parts) == 1 else FeasibleUnion(parts)


def announce(spec: StudySpec, ready: Preflight) -> None:
    """Tell the user what is searched, and how."""
    feasible, task = ready.feasible, ready.task
    low, high = feasible.bounds()
    share = output.share(low, high, feasible.total)
    lines = {
        "study": spec.name,
        "space": f"{', '.join(spec.spaces)}: {output.size(feasible.total)} distinct architectures",
        "budget": f"{', '.join(map(str, spec.budget)) or 'none'}: {share} of them fit",
        "counted at": f"{_adapted(spec, spec.deployment)}, {spec.classes} classes; "
        "multiply-adds of conv + linear layers, batch 1",
        "trained at": f"{_adapted(spec, task.input)}, {task.classes} classes",
        "task": task.note,
        "plan": _plan(spec),
        "devices": describe_devices(),
    }
    for name, line in lines.items():
        output.field(name, line)
    note = study_note(spec)
    if note:
        output.field("note", note)
    click.echo("")


def _adapted(spec: StudySpec, shape: Shape) -> str:
    """Say which strides the networks have at an input, family by family where there are several."""
    lines = {name: adapt(space, shape).describe() for name, space in spec.spaces.items()}
    if len(lines) == 1:
        return lines[spec.space.name]
    return "; ".join(f"{name} {line}" for name, line in lines.items())


def run_study(store: Store, spec: StudySpec, ready: Preflight, settings: Settings) -> int:
    """Run what is left of a study, ship its best network, and return the exit code."""
    with store.acquire(spec.name):
        if settings.say:
            announce(spec, ready)
        study = Study(spec, store, ready.sampler)
        store.set_state(spec.name, "RUNNING")
        try:
            with Progress(study, quiet=not settings.say) as progress:
                outcome = RunResult(False, 0.0)
                if _left(study):
                    outcome = run(study, _run_settings(spec, settings), progress.watch)
        except StudyFailedError as error:
            store.set_state(spec.name, "FAILED")
            again = settings.resume(store, spec.name)
            remedy = f"Everything measured is kept. Mend the cause, then type: {again}"
            raise StudyFailedError(error.cause, remedy) from error
        except BaseException:
            store.set_state(spec.name, "INTERRUPTED")
            raise
        if outcome.interrupted:
            store.set_state(spec.name, "INTERRUPTED")
            return _interrupted(study, settings.resume(store, spec.name))
        store.set_state(spec.name, "COMPLETE")
        _audit(study)
        if study.exhausted and settings.say:
            click.echo(
                f"no further architecture within the budget was found: {len(study.candidates)} of "
                f"the {spec.num_trials} planned candidates exist"
            )
        best = results.best(spec, study.trials)
        if best is None:
            raise StudyFailedError(
                f"no candidate of {spec.name} reached full fidelity.",
                f"See why: {store.command(f'show {spec.name}')}",
            )
        shipped = _shipped(store, study, best, ready.task, settings)
    if settings.json:
        output.echo_json(_document(study, shipped, outcome.seconds))
    else:
        _conclude(store, study, shipped, settings.say)
        if settings.say:
            _next(store, spec.name)
    return 0


def _left(study: Study) -> bool:
    """Tell whether anything may be left to train; if not, Ray need not be started."""
    ended = sum(trial.state.finished for trial in study.trials)
    return ended < max(study.planned(), len(study.trials))


def _shipped(store: Store, study: Study, best: Trial, task: Task, settings: Settings) -> Shipped:
    """Ship the study; an interruption says how to have the rest."""
    name = study.spec.name
    if settings.say:
        click.echo("all trials have ended; testing the best, writing the report and the export")
    try:
        return ship(store, study, best, task, settings.results_dir / name)
    except KeyboardInterrupt as error:
        raise InterruptedStudyError(
            f"interrupted: the trials of {name} are complete, the report and the export are not.",
            f"Have them with: {settings.resume(store, name)}",
        ) from error


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
    references = len(spec.references)
    *early, full = spec.rungs
    rungs = f"trained for {output.plural(full, 'epoch')}"
    if early:
        rungs += f", judged after {', '.join(map(str, early))} (the best 1/{spec.eta} go on)"
    beside = f" and {references} published references" if references else ""
    return (
        f"{output.plural(spec.num_trials, 'candidate')}{beside} for "
        f"{' and '.join(spec.objectives)}, {rungs}, sampler {spec.sampler}, seed {spec.seed}"
    )


def _check_room(settings: Settings) -> None:
    """Refuse what no trial could run on, before Ray is started and a study is entered."""
    if settings.ray_address:
        knock(settings.ray_address)
        return
    wants = (settings.cpus_per_trial, settings.gpus_per_trial)
    have = (os.cpu_count() or 1, torch.cuda.device_count())
    if wants[0] > have[0] or wants[1] > have[1]:
        raise too_small(wants, have)


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


def _interrupted(study: Study, again: str) -> int:
    finished = sum(trial.state.finished for trial in study.trials)
    waiting = sum(trial.state is TrialState.WAITING for trial in study.trials)
    click.echo(
        f"\ninterrupted: {_trials(finished, 'finished')} kept, {waiting} to start again."
        f"\nGo on with: {again}",
        err=True,
    )
    return 130


def _trials(number: int, kind: str) -> str:
    return f"{number} {kind} trial{'s are' if number != 1 else ' is'}"


def _document(study: Study, shipped: Shipped, seconds: float) -> dict[str, Any]:
    """Return the result as `--json` prints it."""
    spec = study.spec
    references = [trial for trial in study.trials if trial.reference]
    return {
        "study": spec.name,
        "seconds": round(seconds, 3),
        "hypervolume": results.study_hypervolume(spec, study.trials),
        "best": rows.trial_row(shipped.best) | {"test": shipped.test(shipped.best)},
        "front": [rows.trial_row(trial) for trial in results.front(spec, study.trials)],
        "published": [
            rows.trial_row(trial) | {"test": shipped.test(trial)} for trial in references
        ],
        "report": str(shipped.report),
        "export": [str(path) for path in shipped.files],
    }


def _conclude(store: Store, study: Study, shipped: Shipped, say: bool) -> None:
    spec = study.spec
    click.echo("" if say else None, nl=say)
    print_front(spec, study.trials)
    click.echo(f"\n{_verdict(spec, shipped)}")
    if not say:
        return
    note = study_note(spec)
    if note:
        output.field("note", note)
    output.field("report", str(shipped.report))
    output.field("exported", f"{shipped.directory}: {', '.join(p.name for p in shipped.files)}")
    trials = output.plural(len(study.trials), "trial")
    output.field("took", f"{output.duration(time.monotonic() - STARTED)} for {trials}")


def _next(store: Store, name: str) -> None:
    click.echo("\nnext")
    for words in (f"show {name}", f"front {name} --csv", f"export {name} --trial N -o DIR",
                  f"dashboard --study {name}"):  # fmt: skip
        click.echo(f"  {store.command(words)}")


def _verdict(spec: StudySpec, shipped: Shipped) -> str:
    best, last = shipped.best, shipped.best.last
    assert last is not None
    epochs = output.plural(last.epoch, "epoch")
    lines = [
        f"best: trial {best.number}, {si(best.cost.madds)} madds, {si(best.cost.params)} params",
        f"      {best.architecture}",
        f"      val error {output.percent(last.top1_error)}, {_tested(shipped, best.number)}; "
        f"{spec.task}, {epochs}, 1 seed",
        "      (chosen by its validation error, so the test error is the fairer figure)",
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
