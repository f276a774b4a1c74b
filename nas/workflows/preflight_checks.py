"""The preflight of a study: mistakes are found before anything is created."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nas.errors import NasError
from nas.exports import choose_formats
from nas.feasible import FeasibleSpace, FeasibleUnion, feasible_space
from nas.samplers import make_sampler
from nas.space import Shape
from nas.study import NoSampler, Sampler, StudySpec, check_images, check_resolutions
from nas.training import (
    Files,
    Task,
    Team,
    default_device,
    fitted,
    load_study_task,
    read_recipe,
    usual_threads,
)
from nas.tuner import check_fraction, check_workers, knock, too_small
from nas.workflows.loader_checks import check_loaders
from nas.workflows.requests import RunRequest


@dataclass(frozen=True)
class Preflight:
    """The results of a study's preflight, for its run.

    `spec` is the specification of the study, with the size of its images if it had none. `feasible`
    is None in a study that searches nothing.
    """

    spec: StudySpec
    feasible: FeasibleSpace | FeasibleUnion | None
    sampler: Sampler
    task: Task

    @property
    def new_spec(self) -> StudySpec:
        """The specification of a new study, with the identity of its images."""
        return replace(self.spec, data=self.task.identity)

    def named(self, spec: StudySpec) -> "Preflight":
        """Return the same preflight with the specification as stored."""
        return replace(self, spec=spec)


def preflight(spec: StudySpec, run: RunRequest) -> Preflight:
    """Find every mistake before anything is created.

    Raises:
        NasError: the budget cannot be met, data cannot be read, or results cannot be written.
    """
    if run.formats:  # those of this package need not be loaded yet
        choose_formats(run.formats)
    feasible, sampler = _searched(spec)
    task = load_study_task(spec)
    if spec.data is None:  # a new study: later its recipe is the one that it has recorded
        spec = _with_recipes(spec, len(task.train))
    _check_workers(spec, run, task)
    check_loaders(run.loaders, isinstance(task.train, Files))
    check_images(spec, task.input)
    check_resolutions(spec, task.input)
    _check_short(spec, task.input)
    _probe(run.results_dir)
    _check_room(run, cpus_per_trial(spec, run))
    return Preflight(replace(spec, task_input=str(task.input)), feasible, sampler, task)


def _check_short(spec: StudySpec, images: Shape) -> None:
    """Refuse a short schedule on images that give the networks other strides.

    Raises:
        NasError: the training that confirms them would train other networks, or has no images.
    """
    if spec.real is None or spec.real.image_size == spec.image_size:
        return
    whole = load_study_task(replace(spec, image_size=spec.real.image_size)).input
    for name, space in spec.spaces.items():
        ours, theirs = spec.trained(space, images), spec.trained(space, whole)
        if ours.strides != theirs.strides:
            raise NasError(
                f"networks of {name} have the strides {ours.text} on images of {images}, but "
                f"{theirs.text} on those of {whole} that confirm them.",
                "Use images of 96 pixels or more for both, or state --task-strides.",
            )


def _with_recipes(spec: StudySpec, images: int) -> StudySpec:
    """Return `spec` with its recipe, and that of its confirmation, fitted to their schedules."""
    real = spec.real
    if real is not None:
        real = replace(real, recipe=_fitted_text(real.recipe, images, real.epochs))
    return replace(
        spec, recipe=_fitted_text(spec.recipe, images, spec.ladder.max_epochs), real=real
    )


def _fitted_text(text: str, images: int, epochs: int) -> str:
    """Return the recipe in `text` fitted to the schedule, below the same heading."""
    heading = text.partition("\n")[0] + "\n" if text.startswith("# ") else ""
    return heading + fitted(read_recipe(text, "the study's recipe"), images, epochs).text


def gpus_per_trial(run: RunRequest) -> float:
    """Return the GPUs for one trial: as requested, otherwise 1 if there is a GPU."""
    if run.gpus_per_trial is not None:
        return run.gpus_per_trial
    return 1.0 if default_device().type == "cuda" else 0.0


def cpus_per_trial(spec: StudySpec, run: RunRequest) -> float:
    """Return the CPU cores for one trial, or for one of the workers that train it."""
    if run.cpus_per_trial is not None:
        return run.cpus_per_trial
    if not spec.networks:
        return 1.0
    at_a_time = run.workers if run.workers > 1 else max(1, torch.cuda.device_count())
    most = max(1, (os.cpu_count() or 1) // at_a_time)
    return float(min(most, usual_threads(at_a_time)))


def _searched(spec: StudySpec) -> tuple[FeasibleSpace | FeasibleUnion | None, Sampler]:
    """Return what a study searches, and how.

    Raises:
        NasError: the budget cannot be met, or there is no such sampler.
    """
    if spec.networks:
        return None, NoSampler()
    feasible = _feasible(spec)
    feasible.check()
    return feasible, make_sampler(spec.sampler, feasible, spec.goals)


def _check_workers(spec: StudySpec, run: RunRequest, task: Task) -> None:
    """Refuse workers that cannot train the trials of a study together.

    Raises:
        NasError: the study is a search, or batches cannot be shared out, or there are too few
            processors.
    """
    if run.workers == 1:
        return
    if not spec.networks:
        raise NasError(
            f"{spec.name} is a search: each of its trials has one worker.", "Leave --workers out."
        )
    recipe = read_recipe(spec.recipe, "the study's recipe")
    Team(size=run.workers).check(recipe.batch_size, len(task.train))
    if not run.ray_address:
        check_workers(run.workers)


def _feasible(spec: StudySpec) -> FeasibleSpace | FeasibleUnion:
    parts = {name: feasible_space(costs, spec.budget) for name, costs in spec.cost_models().items()}
    return parts[spec.space.name] if len(parts) == 1 else FeasibleUnion(parts)


def _check_room(run: RunRequest, cpus: float) -> None:
    """Refuse resources that no trial can get, before a study is created."""
    gpus = gpus_per_trial(run)
    check_fraction(gpus)
    if run.ray_address:
        knock(run.ray_address)
        return
    wants = (cpus * run.workers, gpus * run.workers)
    have = (os.cpu_count() or 1, torch.cuda.device_count())
    if wants[0] > have[0] or wants[1] > have[1]:
        raise too_small(wants, have)


def _probe(directory: Path) -> None:
    """Write a file to the results directory and remove it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=directory, prefix=".probe-")
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise NasError(
            f"cannot write to {directory}: {error.strerror or error}.",
            "Name a writable directory: --results DIR",
        ) from error
