"""Run: one network trained from scratch to the end, resumable after every epoch.

A folder belongs to one run: the checkpoint while it lasts, then the weights and `result.json`.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import torch

from nas.errors import TaskError
from nas.files import write_whole
from nas.space import Layer
from nas.study import add_profiles, complete_profile
from nas.training.cpu import accelerate
from nas.training.data import Task
from nas.training.loop.checkpoint import (
    check_identity,
    discard_checkpoint,
    read_document,
    restore_checkpoint,
    save_checkpoint,
    write_text,
)
from nas.training.loop.data_parallel import ALONE, Team
from nas.training.loop.devices import is_out_of_memory
from nas.training.loop.out_of_memory import free_memory, halving_note, in_halves
from nas.training.loop.recipe import Recipe
from nas.training.loop.session import EpochResult, Session

RESULT = "result.json"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Run:
    """One training: `layers` on `task` by `recipe` for `epochs` from `seed`, kept in `folder`.

    `identity` says which network, task and recipe this is; a checkpoint of another is refused.
    `profile` asks where the time goes, and may be given to a part of the epochs.
    """

    layers: Sequence[Layer]
    task: Task
    recipe: Recipe
    epochs: int
    seed: int
    folder: Path
    identity: Mapping[str, Any]
    profile: bool = False

    @property
    def whole_identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with."""
        return {**self.identity, "epochs": self.epochs, "seed": self.seed}


@dataclass(frozen=True)
class Result:
    """What a training gave; errors are shares, losses nats. `history` has a row for each epoch.

    `confusion` counts test images by class (row) and answer (column). `profile` is where the time
    went in those epochs in which that was measured (`nas.study.time_profile`).
    """

    identity: dict[str, Any]
    seed: int
    validation: dict[str, Any]
    test: dict[str, Any]
    history: list[dict[str, Any]]
    confusion: list[list[int]]
    weights: str
    weights_sha256: str
    seconds: float
    images_per_second: float
    notes: list[str]
    profile: dict[str, float] | None = None


@dataclass
class Watch:
    """What is told while a run goes on; by default nothing.

    `begin(run, epoch)` at the start, with the epochs done before; `step(epoch, step, steps)`;
    `epoch(run, result)`; `note(text)`.
    """

    begin: Callable[[Run, int], None] = field(default=lambda run, epoch: None)
    step: Callable[[int, int, int], None] = field(default=lambda epoch, step, steps: None)
    epoch: Callable[[Run, EpochResult], None] = field(default=lambda run, result: None)
    note: Callable[[str], None] = field(default=lambda text: None)


# What trains a run to its end, with the notes for its result: this process, or several workers.
Execute = Callable[[Run, Watch, list[str]], Result]


def train(
    run: Run,
    resume: bool,
    watch: Watch | None = None,
    device: torch.device | str | None = None,
    execute: Execute | None = None,
) -> Result:
    """Train `run` to the end and measure the test split once; go on from a checkpoint if `resume`.

    Where memory does not suffice, each batch is split in two, once, and that is noted. This process
    trains on `device`, unless `execute` has it done elsewhere.

    Raises:
        TaskError: the folder holds something already and `resume` is not given, or holds another
            training; or the training diverged.
    """
    watch = watch or Watch()
    if not resume and run.folder.exists() and any(run.folder.iterdir()):
        raise TaskError(
            f"{run.folder} is not empty.", "Add --resume to go on with it, or give another --out."
        )
    if (run.folder / RESULT).is_file():
        return read_result(run)
    execute = execute or partial(train_here, device=device)
    try:
        return execute(run, watch, [])
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        smaller = in_halves(run.recipe)
        if smaller is None:
            raise _too_large(run) from error
    note = halving_note(smaller)
    watch.note(note)
    free_memory()
    again = replace(run, recipe=smaller)
    try:
        return execute(again, watch, [note])
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise _too_large(again) from error
        raise


def read_result(run: Run) -> Result:
    """Return what an earlier call left in the folder of `run`.

    Raises:
        TaskError: it is broken or that of another training.
    """
    path = run.folder / RESULT
    document = read_document(path)
    check_identity(document.get("identity"), run.whole_identity, path)
    weights = str((run.folder / WEIGHTS).resolve())  # the folder may have been moved since
    try:
        return Result(**{**document, "weights": weights})
    except TypeError as error:
        raise TaskError(f"{path} is no result of a training.", "Give another --out.") from error


def train_here(
    run: Run,
    watch: Watch,
    notes: list[str],
    device: torch.device | str | None = None,
    team: Team = ALONE,
) -> Result:
    """Train `run` in this process, from its checkpoint where there is one, as one of `team`.

    Every process of a team calls this alike; the first one writes the folder and tells `watch`.

    Raises:
        TaskError: the folder holds another training, or cannot be written; the training diverged;
            or its batches cannot be shared out among the team.
    """
    mark = time.perf_counter()
    session = Session(run.layers, run.task, run.recipe, run.epochs, run.seed, device)
    session.join(team)
    session.accelerate(accelerate)
    if run.profile:
        session.profile()
    history = restore_checkpoint(session, run.folder, run.whole_identity)
    if not team.leads:
        watch = Watch()
    watch.begin(run, session.epoch)
    while session.epoch < run.epochs:
        result = session.run_epoch(lambda step, steps: watch.step(session.epoch + 1, step, steps))
        if not math.isfinite(result.train_loss):
            raise TaskError(
                f"the training diverged in epoch {result.epoch} (loss {result.train_loss}).",
                f"Lower the learning rate, e.g. --set lr={run.recipe.lr / 4:g}.",
            )
        if result.profile is not None:  # all since the epoch before: its checkpoint is overhead
            before, mark = mark, time.perf_counter()
            result = replace(result, profile=complete_profile(result.profile, mark - before))
        history.append(result)
        if team.leads:
            save_checkpoint(session, run.folder, run.whole_identity, history)
        watch.epoch(run, result)
    found = _measured(session, run, history, notes)
    return _written(session, run, found) if team.leads else found


def _measured(session: Session, run: Run, history: list[EpochResult], notes: list[str]) -> Result:
    """Measure the test split; return the result, whose weights are not written yet."""
    start = time.perf_counter()
    scores = session.scores(run.task.test)
    last = history[-1]
    return Result(
        identity=run.whole_identity,
        seed=run.seed,
        validation=_on_split(last.metrics, len(run.task.val)),
        test=_on_split(scores.result(), len(run.task.test)),
        history=[epoch.to_row() for epoch in history],
        confusion=scores.details().get("confusion", []),
        weights=str((run.folder / WEIGHTS).resolve()),
        weights_sha256="",
        seconds=sum(epoch.seconds for epoch in history) + time.perf_counter() - start,
        images_per_second=sum(epoch.images_per_second for epoch in history) / len(history),
        notes=notes,
        profile=_spent(history),
    )


def _spent(history: Sequence[EpochResult]) -> dict[str, float] | None:
    """Return the sums of what was measured in the epochs; None where that is nothing."""
    found = reduce(add_profiles, (epoch.profile for epoch in history), None)
    return None if found is None else dict(found)


def _written(session: Session, run: Run, result: Result) -> Result:
    """Write the weights, then the result; only then is the checkpoint removed."""
    result = replace(result, weights_sha256=session.save_weights(Path(result.weights)))
    write_json(run.folder / RESULT, asdict(result))
    discard_checkpoint(run.folder)
    return result


def write_json(path: Path, document: Any) -> None:
    """Write `document` as JSON, whole or not at all.

    Raises:
        TaskError: the file cannot be written.
    """
    text = json.dumps(document, indent=1)
    try:
        write_whole(path, lambda part: write_text(text, part))
    except OSError as error:
        raise TaskError(
            f"{path} cannot be written ({error.strerror}).", "Free the disk, then type --resume."
        ) from error


def _on_split(metrics: Mapping[str, float], images: int) -> dict[str, Any]:
    return {**metrics, "images": images}


def _too_large(run: Run) -> TaskError:
    return TaskError(
        f"batches of {run.recipe.batch_size} do not fit the memory, nor do their halves.",
        "Give smaller ones, e.g. "
        f"--set accumulation={4 * run.recipe.accumulation}, or --set batch_size=16.",
    )
