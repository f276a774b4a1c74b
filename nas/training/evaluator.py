"""The evaluator that trains networks; workers use it by default."""

import gc
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from traceback import clear_frames

import torch

from nas.errors import StorageError, TaskError, WeightsError
from nas.space import Layer
from nas.storage import Storage, file_at, is_uri
from nas.study import (
    EndWatch,
    Epoch,
    Evaluator,
    Job,
    Profile,
    Reason,
    Saved,
    StartWeights,
    StudySpec,
    TrialError,
    WorkerPlan,
    add_profiles,
    checkpoint_folder,
    folder_owner,
    interrupted_error,
    weights_name,
)
from nas.training.cpu import accelerate
from nas.training.cpu import without_kernels as without_kernels
from nas.training.data import load_study_task
from nas.training.loop.checkpoint import restore_checkpoint, save_checkpoint
from nas.training.loop.data_parallel import ALONE, Team
from nas.training.loop.decoders import use_processes
from nas.training.loop.devices import (
    default_device,
    device_name,
    is_out_of_memory,
    prepare_worker,
)
from nas.training.loop.epoch import EpochResult
from nas.training.loop.recipe import Recipe, load_recipe, read_recipe
from nas.training.loop.session import Session
from nas.training.loop.teaching import Teaching
from nas.training.network.fvcore_count import fvcore_cost
from nas.training.scores.proxies import proxy_batches, score_if_it_fits

CHECKPOINT_SECONDS = 300.0  # least seconds between two checkpoints of a trial of a search
RUNG_SECONDS = 60.0  # the same for a checkpoint at a rung


class _EndRequestedError(Exception):
    """The driver requested the end of the training, within an epoch."""


def _end_if(requested: EndWatch) -> None:
    if requested():
        raise _EndRequestedError


class TrainingEvaluator:
    """Trains the network of each job on the study's task, which it keeps in memory between jobs."""

    def __init__(
        self, plan: WorkerPlan, team: Team = ALONE, device: torch.device | None = None
    ) -> None:
        """Load the task and the recipe of `plan`.

        In a `team` each process trains on its part of every batch, on `device`, and only the first
        one writes files.

        Raises:
            TaskError: the recipe cannot be used.
            TrialError: the data or the weights of the teachers cannot be read.
        """
        self._spec = spec = plan.spec
        self._folder = plan.files
        self._plan, self._team, self._device = plan, team, device
        self._data_dir, self._profiles = plan.data_dir, plan.profile
        with self._images():
            self._task = load_study_task(spec, plan.data_dir)
            # all trials use the seed of the study, so that equal networks have equal scores
            self._batches = proxy_batches(self._task, spec.seed) if spec.proxies else []
        self._recipe = _recipe(self._spec.recipe)
        self._teaching = self._load_teachers() if self._recipe.teacher else None

    def evaluate(self, job: Job) -> Iterator[Epoch | Saved]:
        """Count the network with fvcore at the deployment input, score it, train it on the task.

        Yield each epoch, then the file of the weights, which is written into the study's folder
        after the caller has received the last epoch. Its name is unique to the attempt
        (`nas.study.results_folder.weights_name`).

        Raises:
            TrialError: memory runs out, the images can no longer be read, the study's folder is
                missing, or the driver requested the end.
            TaskError: the weights cannot be written.
        """
        self._check_folder()
        recipe = (in_halves(self._recipe) if job.halved else None) or self._recipe
        try:
            yield from self._epochs(job, recipe)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            clear_frames(error.__traceback__)  # they refer to the network and its activations
            free_memory()
            raise _too_large(recipe, job.halved, error) from None

    def _epochs(self, job: Job, recipe: Recipe) -> Iterator[Epoch | Saved]:
        spec, task = self._spec, self._task
        shipped = spec.deployed_layers(job.architecture)
        counted = fvcore_cost(shipped, spec.deployment)
        layers = spec.task_layers(job.architecture, task.input, task.outputs)
        proxies = self._scores(layers) if spec.proxies else None
        session = Session(layers, task, recipe, spec.ladder.max_epochs, job.seed, self._device)
        session.rungs = spec.rungs
        if self._plan.start is not None:
            self._start(session, self._plan.start)
        if self._teaching is not None:
            session.learn_from(self._teaching)
        session.join(self._team)
        session.accelerate(accelerate)
        if self._profiles:
            session.profile()
        spent = None
        for found, earlier in self._trained(job, session):
            spent = add_profiles(spent, found.profile)
            yield Epoch(
                found.epoch,
                _metrics(spec, found.metrics),
                found.train_loss,
                counted if found.epoch == 1 else None,
                proxies if found.epoch == 1 else None,
                spent,
                saving=found.epoch == spec.ladder.max_epochs and math.isfinite(found.train_loss),
                earlier=earlier,
                device=device_name(session.device) if found.epoch == 1 else None,
                by_class=found.by_class,
            )
        yield self._saved(job, session, spent)

    def _start(self, session: Session, start: StartWeights) -> None:
        """Load the weights that a training starts with.

        Raises:
            TrialError: they cannot be read.
        """
        try:
            session.start_from(file_at(start.file), start.sha256)
        except (TaskError, WeightsError) as error:
            raise TrialError(Reason.STORAGE, error.cause, error.remedy) from error

    def _load_teachers(self) -> Teaching:
        """Return the teachers of the recipe.

        Raises:
            TrialError: their weights cannot be read.
        """
        recipe, device = self._recipe, self._device or default_device()
        if tuple(each.sha256 for each in self._plan.teachers) != recipe.teacher:
            raise ValueError("the plan does not have the teachers of the recipe")
        try:
            return Teaching(
                self._plan.teachers, self._task, recipe.teacher_weight, recipe.teacher_temperature,
                device, accelerate,
            )  # fmt: skip
        except (TaskError, WeightsError) as error:
            raise TrialError(Reason.STORAGE, error.cause, error.remedy) from error

    def _scores(self, layers: list[Layer]) -> dict[str, float]:
        return score_if_it_fits(layers, self._batches, self._spec.seed, self._task.goal.loss)

    def _trained(self, job: Job, session: Session) -> Iterator[tuple[EpochResult, float]]:
        """Yield every epoch of a training, and the seconds that it took in an earlier attempt.

        The training continues from the checkpoint of an earlier attempt. A trial of a search with
        halved batches starts again: whether a checkpoint exists depends on time, and results must
        not depend on time.
        """
        ladder, saved = self._spec.ladder, time.monotonic()
        keeps = bool(self._spec.networks) or not job.halved  # whether to use checkpoints
        folder = self._folder.below(checkpoint_folder(job.number))
        history = self._restored(session, folder) if keeps else []
        yield from ((found, found.seconds) for found in history)
        if self._team.size == 1:  # several would have to end at the same step
            session.between = partial(_end_if, EndWatch(self._plan.ending.of(job.name)))
        while session.epoch < ladder.max_epochs:
            earlier = session.unfinished.seconds if session.unfinished else 0.0
            session.show_at(ladder.side(session.epoch + 1))
            try:
                with self._images():
                    found = session.run_epoch()
            except _EndRequestedError:
                failure = self._save(session, folder, history) if keeps else None
                raise failure or interrupted_error() from None
            history.append(found)
            failure = None
            if keeps and math.isfinite(found.train_loss) and self._is_due(found.epoch, saved):
                failure = self._save(session, folder, history)
                saved = time.monotonic()
            yield found, earlier  # the epoch is recorded even if the checkpoint was not written
            if failure is not None:
                raise failure

    def _is_due(self, epoch: int, saved: float) -> bool:
        """Tell whether to save a checkpoint after `epoch`; the last one was saved at `saved`.

        A fixed network is saved after every epoch. A trial of a search is saved only after some
        minutes, because most of these trials take less time than checkpoints would.
        """
        if not self._team.leads or self._spec.networks:
            return self._team.leads
        ladder, unsaved = self._spec.ladder, time.monotonic() - saved
        at_rung = ladder.rung(epoch) is not None and epoch < ladder.max_epochs
        return unsaved >= (RUNG_SECONDS if at_rung else CHECKPOINT_SECONDS)

    def _save(
        self, session: Session, folder: Storage, history: list[EpochResult]
    ) -> TaskError | TrialError | StorageError | None:
        """Save a checkpoint; return the error if it cannot be saved."""
        try:
            self._check_folder()
            save_checkpoint(session, folder, history)
        except (TaskError, TrialError, StorageError) as error:
            return error
        return None

    def _restored(self, session: Session, folder: Storage) -> list[EpochResult]:
        """Load the checkpoint of an earlier attempt; return its epochs.

        A trial of a search starts again if its checkpoint is damaged.

        Raises:
            TaskError: the checkpoint of a fixed network is damaged.
        """
        try:
            return restore_checkpoint(session, folder)
        except TaskError:
            if self._spec.networks:
                raise
            with suppress(OSError):
                folder.remove("")
            return []

    def _saved(self, job: Job, session: Session, spent: Profile | None) -> Saved:
        """Write the weights of a training that has ended."""
        if not self._team.leads:
            return Saved("", "", spent)
        self._check_folder()
        name = weights_name(job.number, job.attempt, self._plan.study_id)
        sha256 = session.save_weights(self._folder.file(name))
        return Saved(f"{self._plan.folder}/{name}".lstrip("/"), sha256, spent)

    def _check_folder(self) -> None:
        """Check that the study's folder exists; it is not created, for instance in an empty mount.

        Raises:
            TrialError: it is missing, or belongs to another study.
        """
        found = folder_owner(self._folder)
        if (found or "") != self._plan.study_id:
            state = "is missing" if found is None else "belongs to another study"
            place = "storage" if is_uri(self._folder.text) else "results folder"
            raise TrialError(
                Reason.STORAGE,
                f"on {socket.gethostname()} the {place} {self._folder} {state}.",
                "Restore it; on a cluster every node must see it under the same path.",
            )

    @contextmanager
    def _images(self) -> Iterator[None]:
        """Turn errors of the task's images within the block into a TrialError."""
        try:
            yield
        except (TaskError, FileNotFoundError) as error:
            folder = self._data_dir
            missing = folder is not None and not Path(folder).is_dir()
            cause = error.cause if isinstance(error, TaskError) else f"{error.filename} is missing."
            raise TrialError(
                Reason.DATA,
                f"the data folder {folder} is missing." if missing else cause,
                "Restore it." if missing else "Correct this.",
            ) from error


def make(plan: WorkerPlan) -> Evaluator:
    """Return `team_evaluator` of a worker that trains alone."""
    return team_evaluator(plan)


def team_evaluator(
    plan: WorkerPlan, team: Team = ALONE, device: torch.device | None = None
) -> TrainingEvaluator:
    """Set this worker process up for training, and return its evaluator.

    It trains on OMP_NUM_THREADS threads; Ray sets this variable to the CPUs of the trial.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    prepare_worker(int(threads) if threads.isdigit() else 1)
    use_processes(plan.loaders)
    return TrainingEvaluator(plan, team, device)


def _too_large(recipe: Recipe, halved: bool, error: BaseException) -> TrialError:
    """Return the error for a training by `recipe` that ran out of memory."""
    smaller = None if halved else in_halves(recipe)
    detail = (str(error).strip() or type(error).__name__).splitlines()[0][:120].rstrip(".")
    again = ", nor do their halves" if halved else ""
    return TrialError(
        Reason.OOM,
        f"batches of {recipe.batch_size} do not fit the memory{again} ({detail}).",
        "For the next study give a --recipe with a smaller batch_size; fewer concurrent trials "
        "(--max-concurrent, --gpus-per-trial) leave more for each.",
        halving_note(smaller) if smaller else None,
    )


def _metrics(spec: StudySpec, found: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that the study records; empty if the training diverged.

    Raises:
        TaskError: one of them is missing.
    """
    missing = [name for name in spec.metrics if name not in found]
    if found and missing:
        raise TaskError(
            f"the task {spec.task} measured no {missing[0]}.",
            "Repair its package: its scores must have every metric that the task names.",
        )
    return {name: found[name] for name in spec.metrics} if found else {}


def _recipe(text: str) -> Recipe:
    """Read the recipe of a study: its settings as text, or the name of a recipe."""
    return read_recipe(text, "the study's recipe") if "=" in text else load_recipe(text)


def in_halves(recipe: Recipe) -> Recipe | None:
    """Return `recipe` with twice as many parts per batch; None if a part would be one image.

    The optimiser step is the same: gradients are accumulated over the parts.
    """
    parts = 2 * recipe.accumulation
    return None if recipe.batch_size // parts < 2 else replace(recipe, accumulation=parts)


def halving_note(recipe: Recipe) -> str:
    """Return the note about a training by `recipe`, a result of `in_halves`."""
    size, parts = recipe.batch_size, recipe.accumulation
    return f"out of memory: batches of {size} in {parts} parts of {size // parts}"


def free_memory() -> None:
    """Free unused memory, on the GPU too, where other processes may need it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
