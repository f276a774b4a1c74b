"""The preflight of a study: mistakes are found before anything is created."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import NasError, NoEffectError
from nas.exports import choose_formats
from nas.feasible import FeasibleSpace, FeasibleUnion, feasible_space
from nas.samplers import make_sampler
from nas.space import Shape
from nas.storage import open_storage
from nas.study import NoSampler, Sampler, StudySpec, check_images, check_resolutions
from nas.training import (
    Files,
    Task,
    Team,
    fitted,
    load_study_task,
    read_recipe,
)
from nas.tuner import check_fraction, check_workers, too_small
from nas.workflows.machine import Machine, cpus_per_trial, gpus_per_trial, machine_of
from nas.workflows.requests import RunRequest


@dataclass(frozen=True)
class Preflight:
    """The results of a study's preflight, for its run.

    `spec` is the specification of the study, with the size of its images if it had none. `feasible`
    is None in a study without a search. The trials run on `machine`.
    """

    spec: StudySpec
    feasible: FeasibleSpace | FeasibleUnion | None
    sampler: Sampler
    task: Task
    machine: Machine

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
    if run.formats:  # those of this package are not loaded yet
        choose_formats(run.formats)
    feasible, sampler = _searched(spec)
    task = load_study_task(spec)
    if spec.data is None:  # a new study: later its recipe is the one that it has recorded
        spec = _with_recipes(spec, len(task.train))
    _check_workers(spec, run, task)
    _check_keep(spec, run.keep)
    if run.loaders and not isinstance(task.train, Files):
        raise NoEffectError("loaders", "the images are in memory")
    check_images(spec, task.input)
    check_resolutions(spec, task.input)
    _check_short(spec, task.input)
    _probe(run.results_dir)
    if run.storage is not None:
        open_storage(run.storage).probe()
    machine = machine_of(run)
    _check_room(spec, run, machine)
    return Preflight(replace(spec, task_input=str(task.input)), feasible, sampler, task, machine)


def _check_short(spec: StudySpec, images: Shape) -> None:
    """Refuse a short schedule on images that give the networks other strides.

    Raises:
        NasError: the confirming training would have other strides, or has no images.
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


def _searched(spec: StudySpec) -> tuple[FeasibleSpace | FeasibleUnion | None, Sampler]:
    """Return the feasible architectures of a study, and its sampler.

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
        NasError: the study is a search, or batches cannot be divided, or there are too few
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


def _check_keep(spec: StudySpec, keep: str | None) -> None:
    """Refuse `keep` for a study without a search, which keeps all weights.

    Raises:
        NoEffectError: it is given for such a study.
    """
    if keep is not None and spec.networks:
        raise NoEffectError("keep", f"{spec.name} is a training, and keeps its weights")


def _feasible(spec: StudySpec) -> FeasibleSpace | FeasibleUnion:
    parts = {name: feasible_space(costs, spec.budget) for name, costs in spec.cost_models().items()}
    return parts[spec.space.name] if len(parts) == 1 else FeasibleUnion(parts)


def _check_room(spec: StudySpec, run: RunRequest, machine: Machine) -> None:
    """Refuse resources that no trial can get, before a study is created; a cluster may grow."""
    gpus, cpus = gpus_per_trial(run, machine), cpus_per_trial(spec, run, machine)
    check_fraction(gpus)
    wants, (have,) = (cpus * run.workers, gpus * run.workers), machine.nodes[:1] or ((0.0, 0.0),)
    if run.ray_address is None and (wants[0] > have[0] or wants[1] > have[1]):
        raise too_small(wants, have)


def _probe(directory: Path) -> None:
    """Create an unnamed file in the results directory, so that a killed process leaves nothing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise NasError(
            f"cannot write to {directory}: {error.strerror or error}.",
            "Name a writable directory: --results DIR",
        ) from error
