"""One training on several workers: Ray Train places them and connects their torch.distributed.

Each worker loads the task itself and trains its part of every batch (`nas.training.Team`). The The
first one writes the run's folder, which all of them must see, and tells a mailbox in Ray how far it
is; the driver reads that, so that nothing of ours runs in Ray Train's own controller.

A training that loses a worker begins again from its last checkpoint, a few times; Ray Train's own
retries are not used, since they would repeat an error of the user as well.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import ray
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from nas.errors import NasError
from nas.study import DataIdentity, TaskRequest
from nas.training import (
    Result,
    Run,
    Team,
    Watch,
    default_device,
    prepare_worker,
    processes_in_use,
    read_result,
    train_here,
    use_processes,
    usual_threads,
)
from nas.tuner.connection import connected, environment
from nas.tuner.scratch import moved_note
from nas.tuner.signals import Interruption, interruptible
from nas.tuner.worker_errors import LostWorkerError, explain

_POLL_SECONDS = 0.2
_STEP_SECONDS = 0.5  # between two words on the steps of an epoch
_LANDING_SECONDS = 20.0
_LOSSES = 3  # in a row, with no epoch between, after which a training is given up
_SETTINGS = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon an end or a loss is noticed
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",  # then it fails, instead of waiting for ever
}


class _Mailbox:
    """What the workers say, in order, until the driver reads it; an actor of Ray."""

    def __init__(self) -> None:
        self._said: list[tuple[str, Any]] = []

    def put(self, kind: str, value: Any) -> None:
        """Take in one message."""
        self._said.append((kind, value))

    def take(self) -> list[tuple[str, Any]]:
        """Hand out all messages since the last call."""
        said, self._said = self._said, []
        return said


@dataclass(frozen=True)
class _Assignment:
    """What every worker gets: the run without its task, and how to load that."""

    run: Mapping[str, Any]
    request: TaskRequest
    images: DataIdentity
    notes: list[str]
    threads: int
    loaders: int
    mailbox: Any

    def say(self, kind: str, value: Any) -> None:
        """Put a message into the mailbox; where the driver is gone, so is the mailbox: RayError."""
        ray.get(self.mailbox.put.remote(kind, value))


class Workers:
    """Trains runs on `count` workers of Ray: the `execute` of `nas.training.loop.run.train`."""

    def __init__(
        self, count: int, request: TaskRequest, scratch: Path, interruption: Interruption
    ) -> None:
        """Use the Ray that this process is connected to; `request` is the task of the runs.

        Raises:
            NasError: there are not as many GPUs, or without any GPU not as many CPUs.
        """
        self._count, self._scratch, self._interruption = count, scratch, interruption
        data_dir = request.data_dir
        absolute = str(Path(data_dir).resolve()) if data_dir else None
        self._request = replace(request, data_dir=absolute)
        have = dict(ray.cluster_resources())  # type: ignore[no-untyped-call]
        self._gpus = int(have.get("GPU", 0))
        _check(count, int(have.get("CPU", 0)), self._gpus)

    def __call__(self, run: Run, watch: Watch, notes: list[str]) -> Result:
        """Train `run` to its end, from its checkpoint where there is one.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM came; the last checkpoint stands.
            NasError: the training cannot go on, as one worker said, or its workers keep dying.
            MemoryError: one of them ran out of memory.
        """
        Team(size=self._count).check(run.recipe.batch_size, len(run.task.train))
        if (moved := moved_note(self._scratch)) is not None:
            watch.note(moved)
        losses, epoch = 0, -1
        unit = "GPU" if self._gpus else "CPU"
        notes = [*notes, f"{self._count} {unit} workers, {_each(run, self._count)} images each"]
        while True:
            journal = _Journal(run, watch)
            error = self._fit(run, notes, journal)
            if error is None:
                return read_result(run)
            losses = 1 if journal.epoch > epoch else losses + 1
            epoch = max(epoch, journal.epoch)
            found = explain(error, run.folder)
            if not isinstance(found, LostWorkerError) or losses > _LOSSES:
                raise found from error
            watch.note(f"{found.cause} Going on from the last checkpoint.")

    def _fit(self, run: Run, notes: list[str], journal: "_Journal") -> BaseException | None:
        """Run Ray Train once; return how it failed, None if it did not."""
        mailbox: Any = ray.remote(num_cpus=0)(_Mailbox).remote()
        trainer = TorchTrainer(
            _work,
            train_loop_config={"assignment": self._assignment(run, notes, mailbox)},
            scaling_config=ScalingConfig(
                num_workers=self._count,
                use_gpu=self._gpus > 0,
                resources_per_worker={"CPU": 1, **({"GPU": 1} if self._gpus else {})},
            ),
            run_config=RunConfig(
                name=f"{run.folder.name}-{time.monotonic_ns()}",
                storage_path=str(self._scratch / "train"),
                failure_config=FailureConfig(  # whose annotation is that of an older version
                    max_failures=0,
                    controller_failure_limit=0,  # type: ignore[call-arg]
                ),
            ),
        )
        ended: list[BaseException | None] = []
        # In a thread, where Ray Train leaves the signals alone; they are ours.
        thread = Thread(target=_run, args=(trainer, ended), daemon=True)
        with environment(_SETTINGS):
            thread.start()
            try:
                while thread.is_alive():
                    thread.join(_POLL_SECONDS)
                    journal.read(mailbox)
                    if self._interruption():
                        raise KeyboardInterrupt
            except BaseException:
                journal.kill()
                thread.join(_LANDING_SECONDS)
                raise
            journal.read(mailbox)
        ray.kill(mailbox)
        return ended[0]

    def _assignment(self, run: Run, notes: list[str], mailbox: Any) -> _Assignment:
        return _Assignment(
            run={
                "layers": run.layers,
                "recipe": run.recipe,
                "epochs": run.epochs,
                "seed": run.seed,
                "folder": run.folder.resolve(),
                "identity": run.identity,
                "profile": run.profile,
            },
            request=self._request,
            images=run.task.identity,
            notes=notes,
            threads=usual_threads(self._count),
            loaders=processes_in_use(),
            mailbox=mailbox,
        )


class _Journal:
    """Hands what the workers say to a watch, and knows which workers there are."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run, self._watch = run, watch
        self._actors: list[Any] = []
        self.epoch = 0

    def read(self, mailbox: Any) -> None:
        """Pass on what is in the mailbox; nothing if Ray has lost it."""
        with suppress(RayError):
            for kind, value in ray.get(mailbox.take.remote()):
                getattr(self, f"_{kind}")(value)

    def kill(self) -> None:
        """End the workers at once."""
        for actor in self._actors:
            with suppress(RayError):
                ray.kill(actor)

    def _worker(self, actor: Any) -> None:
        self._actors.append(actor)

    def _begin(self, epoch: int) -> None:
        self.epoch = epoch
        self._watch.begin(self._run, epoch)

    def _step(self, at: tuple[int, int, int]) -> None:
        self._watch.step(*at)

    def _finished(self, result: Any) -> None:
        self.epoch = result.epoch
        self._watch.epoch(self._run, result)


@contextmanager
def training_workers(
    count: int, request: TaskRequest, ray_address: str | None = None
) -> Iterator[Workers]:
    """Yield `count` workers for trainings on the task of `request`, with Ray running meanwhile.

    SIGINT and SIGTERM end a training within seconds, as a KeyboardInterrupt; a second one ends the
    process at once.

    Raises:
        NasError: the cluster cannot be reached, or is too small.
    """
    if ray_address is None:  # said before Ray is started, which takes seconds
        gpus = _local_gpus()
        _check(count, os.cpu_count() or 1, gpus)
    with interruptible() as interruption, connected(ray_address) as scratch:
        interruption.arm()
        yield Workers(count, request, scratch, interruption)


def _local_gpus() -> int:
    import torch

    return torch.cuda.device_count() if default_device().type == "cuda" else 0


def _check(count: int, cpus: int, gpus: int) -> None:
    most, unit = (gpus, "GPU") if gpus else (cpus, "CPU")
    if count > most:
        raise NasError(
            f"{count} workers want one {unit} each, but there {'is' if most == 1 else 'are'} "
            f"{most}.",
            f"Type --workers {most}, or --ray-address of a cluster with more."
            if most > 1
            else "Leave --workers out, or type --ray-address of a cluster with more.",
        )


def _each(run: Run, count: int) -> int:
    return min(run.recipe.batch_size, len(run.task.train)) // count


def _run(trainer: TorchTrainer, ended: list[BaseException | None]) -> None:
    """Fit, and keep the error, whatever it is: the thread has nobody else to tell."""
    try:
        trainer.fit()
    except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
        ended.append(error)
    else:
        ended.append(None)


def _work(config: dict[str, Any]) -> None:
    """Train as one of the team; what every worker of Ray Train calls."""
    assignment: _Assignment = config["assignment"]
    team = Team.joined()
    assignment.say("worker", ray.get_runtime_context().current_actor)
    prepare_worker(assignment.threads)
    use_processes(assignment.loaders)
    task = assignment.request.load()
    if change := assignment.images.change(task.identity):
        raise NasError(
            f"worker {team.rank} sees other images than the driver: {change}.",
            "Give every node the same data under the same path.",
        )
    run = Run(task=task, **assignment.run)
    train_here(run, _telling(assignment), assignment.notes, get_device(), team)


def _telling(assignment: _Assignment) -> Watch:
    """Return the watch of the first worker, which tells the driver."""
    last = 0.0

    def step(epoch: int, at: int, steps: int) -> None:
        nonlocal last
        if time.monotonic() - last > _STEP_SECONDS:
            last = time.monotonic()
            assignment.say("step", (epoch, at, steps))

    return Watch(
        begin=lambda run, epoch: assignment.say("begin", epoch),
        step=step,
        epoch=lambda run, result: assignment.say("finished", result),
    )
