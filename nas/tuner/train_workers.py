"""Trials that several workers train together: Ray Train places them and connects their processes.

Each worker loads the task itself and trains on its part of every batch (`nas.training.Team`). It
puts its reports into a mailbox, an actor of Ray, from which the driver reads them, so that no code
of nas runs in the controller of Ray Train. The retries of Ray Train are not used, because they
would also repeat errors of the user: a trial that loses a worker is queued again, and continues
from its checkpoint.
"""

import math
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import ray
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from nas.interruption import Interruption
from nas.study import (
    Attempt,
    Decision,
    Epoch,
    Execution,
    Failure,
    Fault,
    Job,
    Reason,
    Report,
    WorkerPlan,
)
from nas.training import Team, team_evaluator
from nas.tuner.connection import environment
from nas.tuner.lost_workers import Nodes, fault_of
from nas.tuner.node_probe import CheckedNodes
from nas.tuner.ray_watch import RayWatch
from nas.tuner.room import Room, check_workers, node_resources
from nas.tuner.sharing import Share
from nas.tuner.waiting import Wait

_POLL_SECONDS = 0.2
_END_SECONDS = 20.0  # time for Ray Train to end after its workers were killed
_CONNECTION = ("connection", "gloo", "nccl", "timed out", "timeout", "socket", "peer")
_SETTINGS = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # delay until an end or a loss is noticed
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",  # the default is to wait without limit
}


class LostWorkerError(Exception):
    """A worker's process ended, or the connection to it was lost."""


class _Mailbox:
    """A Ray actor that keeps the workers' messages in order for the driver."""

    def __init__(self) -> None:
        self._messages: list[Any] = []

    def put(self, message: Any) -> None:
        """Add one message."""
        self._messages.append(message)

    def take(self) -> list[Any]:
        """Return all messages since the last call."""
        messages, self._messages = self._messages, []
        return messages


@dataclass(frozen=True)
class WorkerTeam:
    """`count` workers of Ray, each with `cpus` and, if the cluster has GPUs, one GPU.

    `scratch` is a folder for the files of Ray Train. With a `share`, the study takes turns with
    other studies on the cluster; all workers of a trial are one slot, which the study gives up
    after an epoch. The unfit ones of `nodes` get no worker.
    """

    count: int
    cpus: float
    plan: WorkerPlan
    scratch: Path
    share: Share | None = None
    nodes: CheckedNodes | None = None

    def run(self, execution: Execution, interruption: Interruption, watch: RayWatch) -> None:
        """Execute the remaining trials of a study, one by one.

        Raises:
            NasError: there are too few GPUs, or without a GPU too few CPUs; or the study failed or
                paused, or Ray was lost.
        """
        unfit = self.nodes.unfit if self.nodes else ()
        cpus, gpus = (int(sum(one)) for one in zip((0.0, 0.0), *node_resources(unfit), strict=True))
        check_workers(self.count, cpus, gpus)
        room = Room((self.cpus, float(gpus > 0)), self.count, self.share, unfit)
        while self._has_turn(execution, room, interruption, watch):
            job = execution.next()
            if job is None:
                return
            nodes = Nodes.alive()
            reports = self._reports(job, room, interruption, watch)
            try:
                for report in reports:
                    watch.rest()
                    if execution.report(job, report) is Decision.STOP:
                        break
                    if not self._may_run(room, 1) and _is_saved(report):
                        fault = Fault(Reason.YIELDED, "another study has its turn")
                        execution.lost(job, fault, report.worker)
                        break
            except LostWorkerError as error:
                if watch.check() and watch.lost is not None:
                    raise watch.lost from None
                cause = error.__cause__
                known = cause if isinstance(cause, RayError) else None
                execution.lost(job, fault_of(known, nodes, None))
            finally:
                reports.close()
                watch.rest()

    def _may_run(self, room: Room, running: int) -> bool:
        """Claim one slot, which is in use if `running` is 1; return whether the study has it."""
        if self.share is None:
            return True
        slots = self.share.slots(running, 1, room.have)
        return slots is None or slots > 0

    def _has_turn(
        self, execution: Execution, room: Room, interruption: Interruption, watch: RayWatch
    ) -> bool:
        """Wait until the next trial may run; return False after an interruption."""
        wait = Wait(execution, room)
        while not interruption():
            if self._may_run(room, 0):
                return True
            watch.turn()
            wait.turn(True)
            time.sleep(_POLL_SECONDS)
        return False

    def _reports(
        self, job: Job, room: Room, interruption: Interruption, watch: RayWatch
    ) -> Generator[Report]:
        """Yield the workers' reports of one attempt; closing the generator ends the workers.

        Raises:
            LostWorkerError: a worker was lost.
        """
        mailbox: Any = ray.remote(num_cpus=0)(_Mailbox).remote()
        workers: list[Any] = []
        ended: list[BaseException | None] = []
        trainer = self._trainer(job, room.each[1] > 0, mailbox)
        # In a thread, where Ray Train does not change the signal handlers of this process.
        thread = Thread(target=_run, args=(trainer, ended), daemon=True)
        over = False
        with environment(_SETTINGS):
            thread.start()
            try:
                while not over and not interruption():
                    watch.turn()
                    self._may_run(room, 1)  # keeps the claim of this study alive
                    over = not thread.is_alive()
                    for message in _taken(mailbox):
                        if not isinstance(message, Report):
                            workers.append(message)
                        elif _is_lost_connection(message):
                            raise LostWorkerError
                        else:
                            yield replace(message, worker=f"{message.worker} of {self.count}")
                    thread.join(_POLL_SECONDS)
                if over:
                    raise LostWorkerError from ended[0]
            finally:
                for actor in workers:
                    with suppress(RayError):
                        ray.kill(actor)
                thread.join(_END_SECONDS)
                ray.kill(mailbox)

    def _trainer(self, job: Job, use_gpu: bool, mailbox: Any) -> TorchTrainer:
        labels = self.nodes.labels if self.nodes else {}
        return TorchTrainer(
            _work,
            train_loop_config={"plan": self.plan, "job": job, "mailbox": mailbox},
            scaling_config=ScalingConfig(
                num_workers=self.count,
                use_gpu=use_gpu,
                resources_per_worker={"CPU": self.cpus, **({"GPU": 1} if use_gpu else {})},
                label_selector=labels or None,  # type: ignore[call-arg]
            ),
            run_config=RunConfig(
                name=f"trial-{job.number}-{time.monotonic_ns()}",
                storage_path=str(self.scratch / "train"),
                failure_config=FailureConfig(  # Ray's annotation is outdated
                    max_failures=0,
                    controller_failure_limit=0,  # type: ignore[call-arg]
                ),
            ),
        )


def _is_saved(report: Report) -> bool:
    """Tell whether the training is saved after this report, so that a new attempt continues it."""
    return isinstance(report.content, Epoch) and not report.content.saving


def _taken(mailbox: Any) -> list[Any]:
    """Return the new messages; none if Ray has lost the mailbox."""
    with suppress(RayError):
        messages: list[Any] = ray.get(mailbox.take.remote())
        return messages
    return []


def _is_lost_connection(report: Report) -> bool:
    """Tell whether a worker failed because it lost the connection to another one."""
    found = report.content
    if not isinstance(found, Failure) or found.reason != Reason.CRASH:
        return False
    last = found.detail.strip().splitlines()[-1].lower()
    return any(word in last for word in _CONNECTION)


def _run(trainer: TorchTrainer, ended: list[BaseException | None]) -> None:
    """Run the trainer, and append its error, or None, to `ended` for the main thread."""
    try:
        trainer.fit()
    except BaseException as error:  # noqa: BLE001 - the main thread handles it
        ended.append(error)
    else:
        ended.append(None)


def _work(config: dict[str, Any]) -> None:
    """Train as a member of the team; every worker of Ray Train calls this.

    The first worker reports every epoch, the others only failures.
    """
    mailbox, team = config["mailbox"], Team.joined()
    ray.get(mailbox.put.remote(ray.get_runtime_context().current_actor))
    attempt = Attempt(config["job"], lambda: team_evaluator(config["plan"], team, get_device()))
    while True:
        report = attempt.advance()
        if team.leads or isinstance(report.content, Failure):
            ray.get(mailbox.put.remote(report))
        if not isinstance(report.content, Epoch) or not math.isfinite(report.content.train_loss):
            return
