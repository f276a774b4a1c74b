"""Run a study and finish it: the plan before, the progress during, the result after."""

import os
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import torch

from nas.cli import effects, output
from nas.cli.announce import announce
from nas.cli.profile import of_reports, print_profiles
from nas.cli.progress import ProgressDisplay
from nas.errors import (
    ExportError,
    InterruptedStudyError,
    NasError,
    StoreError,
    StudyFailedError,
    StudyPausedError,
    WeightsError,
)
from nas.feasible import FeasibleSpace, FeasibleUnion, feasible_space
from nas.samplers import make_sampler
from nas.store import Store
from nas.study import (
    Sampler,
    Study,
    StudySpec,
    Trial,
    TrialState,
    check_images,
    check_resolutions,
    reason_of,
)
from nas.train import Files, Task, default_device, load_study_task
from nas.tuner import RunResult, RunSettings, check_fraction, knock, run, too_small

if TYPE_CHECKING:
    from nas.cli.finish import Shipped

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
    profile: bool
    loaders: int
    say: bool
    json: bool
    verbose: bool

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
            profile=given["profile"],
            loaders=given["loaders"],
            say=not (given["quiet"] or given["json_"]),
            json=given["json_"],
            verbose=given["verbose"],
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
    """What the preflight of a study has made; the run goes on with it.

    `spec` is that of the study, with the size of its images where it had none.
    """

    spec: StudySpec
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
    task = load_study_task(spec)
    effects.check_loaders(settings.loaders, isinstance(task.train, Files))
    check_images(spec, task.input)
    check_resolutions(spec, task.input)
    _probe(settings.results_dir)
    _check_room(settings)
    return Preflight(replace(spec, task_input=str(task.input)), feasible, sampler, task)


def with_images(spec: StudySpec, ready: Preflight) -> StudySpec:
    """Return a new study with the identity of the images that it begins with."""
    return replace(spec, data=ready.task.identity)


def _feasible(spec: StudySpec) -> FeasibleSpace | FeasibleUnion:
    parts = {name: feasible_space(costs, spec.budget) for name, costs in spec.cost_models().items()}
    return parts[spec.space.name] if len(parts) == 1 else FeasibleUnion(parts)


def run_study(store: Store, spec: StudySpec, ready: Preflight, settings: Settings) -> int:
    """Run what is left of a study, ship its best network, and return the exit code."""
    with store.acquire(spec.name):
        study, outcome = measure(store, spec, ready, settings)
        if outcome.interrupted:
            return interrupted(study, settings.resume(store, spec.name))
        from nas.cli import verdict  # with all that draws and exports: no trial waits for it
        from nas.cli.measured import winner

        best = winner(store, study, settings.say)
        if best is None:
            raise StudyFailedError(
                f"no candidate of {spec.name} reached full fidelity.",
                f"See why: {store.command(f'show {spec.name}')}",
            )
        shipped = _shipped(store, study, best, ready.task, settings)
    if settings.json:
        output.echo_json(verdict.document(study, shipped, outcome.seconds))
    else:
        verdict.conclude(study, shipped, settings.say)
        if settings.say and shipped.lost is None:
            verdict.next_steps(store, spec.name)
    if shipped.lost is not None:
        again = f"Then type: {settings.resume(store, spec.name)}"
        raise WeightsError(shipped.lost.cause, f"{shipped.lost.remedy} {again}")
    return 0


def measure(
    store: Store, spec: StudySpec, ready: Preflight, settings: Settings
) -> tuple[Study, RunResult]:
    """Run what is left of a study that this process holds, and enter the state it ends in.

    Raises:
        StudyFailedError: its trials keep failing.
        StudyPausedError: a disk, a folder or data failed.
    """
    if settings.say:
        announce(store, spec, (ready.feasible, ready.task), settings.verbose)
    folder = _claimed(store, spec, settings)
    study = Study(spec, store, ready.sampler)
    store.set_state(spec.name, "RUNNING")
    try:
        with ProgressDisplay(study, quiet=not settings.say) as progress:
            outcome = RunResult(False, 0.0)
            if _left(study):
                where = replace(
                    _run_settings(spec, settings), folder=folder, study_id=store.uid(spec.name)
                )
                outcome = run(study, where, progress.watch)
    except (StudyFailedError, StudyPausedError) as error:
        failed = isinstance(error, StudyFailedError)
        store.set_state(spec.name, "FAILED" if failed else "INTERRUPTED")
        again = settings.resume(store, spec.name)
        mended = "Mend the cause, then" if failed else "When that is mended"
        raise type(error)(
            error.cause, f"Everything measured is kept. {mended} type: {again}"
        ) from error
    except BaseException:
        with suppress(StoreError):  # where the database is away, the first error says so
            store.set_state(spec.name, "INTERRUPTED")
        raise
    if outcome.interrupted:
        store.set_state(spec.name, "INTERRUPTED")
        return study, outcome
    store.set_state(spec.name, "COMPLETE")
    study.check_budget()
    if settings.profile and settings.say:
        print_profiles(list(of_reports(store.reports(spec.name)).values()), "trial")
    if study.exhausted and settings.say:
        of = f" of the {spec.num_trials:,} planned" if spec.counted else ""
        click.echo(
            "no further architecture within the budget was found: "
            f"{len(study.candidates)}{of} candidates exist"
        )
    return study, outcome


def _left(study: Study) -> bool:
    """Tell whether anything may be left to train; if not, Ray need not be started."""
    planned = study.planned()
    ended = sum(trial.state.finished for trial in study.trials)
    return planned is None or ended < planned


def _shipped(store: Store, study: Study, best: Trial, task: Task, settings: Settings) -> "Shipped":
    """Ship the study; an interruption says how to have the rest."""
    from nas.cli.finish import ship

    name = study.spec.name
    if settings.say:
        click.echo("all trials have ended; testing the best, writing the report and the export")
    left = f"the trials of {name} are complete, the report and the export are not"
    remedy = f"Have them with: {settings.resume(store, name)}"
    try:
        return ship(store, study, best, task, settings.results_dir / store.folder(name))
    except KeyboardInterrupt as error:
        raise InterruptedStudyError(f"interrupted: {left}.", remedy) from error
    except (OSError, ExportError) as error:
        if reason_of(error) is None:
            raise
        raise StudyPausedError(f"{left} ({_in_words(error)}).", remedy) from error


def _claimed(store: Store, spec: StudySpec, settings: Settings) -> str:
    """Make the study's folder in the results, and return its name; say where that is another one.

    Raises:
        StudyPausedError: it cannot be made.
    """
    try:
        folder = store.claim_folder(spec.name, settings.results_dir)
    except OSError as error:
        raise StudyPausedError(
            f"{spec.name} has no folder in {settings.results_dir}: {_in_words(error)}.",
            f"Mend that, then type: {settings.resume(store, spec.name)}",
        ) from error
    if folder != spec.name and settings.say:
        taken = settings.results_dir / spec.name
        output.field("results", f"{taken.with_name(folder)} ({taken} belongs to another study)")
        click.echo("")
    return folder


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(getattr(error, "cause", error)).rstrip(".")


def _run_settings(spec: StudySpec, settings: Settings) -> RunSettings:
    return RunSettings(
        results_dir=settings.results_dir,
        data_dir=Path(spec.data_dir) if spec.data_dir else None,
        ray_address=settings.ray_address,
        cpus_per_trial=settings.cpus_per_trial,
        gpus_per_trial=settings.gpus_per_trial,
        max_concurrent=settings.max_concurrent,
        report_timeout=settings.report_timeout,
        profile=settings.profile,
        loaders=settings.loaders,
    )


def _check_room(settings: Settings) -> None:
    """Refuse what no trial could run on, before a study is entered."""
    check_fraction(settings.gpus_per_trial)
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


def interrupted(study: Study, again: str) -> int:
    """Say what is kept and how to go on; return the exit code."""
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
