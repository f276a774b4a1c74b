"""Run a study on Ray Tune, from the first job to the last report."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayError

import nas
from nas.errors import (
    InterruptedStudyError,
    NasError,
    RayLostError,
    StoreError,
    StudyFailedError,
    StudyPausedError,
)
from nas.interruption import Interruption, interruptible
from nas.study import (
    Execution,
    Fault,
    Reason,
    StartWeights,
    Study,
    Teacher,
    Watcher,
    WorkerPlan,
    WorkersReady,
    claim_folder,
    end_request,
    ignore_event,
    last_line,
    node_name,
)
from nas.tuner.connection import connected, environment, unprotected_note
from nas.tuner.local_ray import EVALUATOR
from nas.tuner.node_probe import CheckedNodes, probe_nodes
from nas.tuner.ray_watch import RayWatch
from nas.tuner.room import Room
from nas.tuner.scratch import moved_note
from nas.tuner.sharing import Share
from nas.tuner.tune_bridge import Bridge
from nas.tuner.tune_parts import StudyCallback, StudyScheduler, StudySearcher, StudyStopper
from nas.tuner.tune_trainable import TrialTrainable


@dataclass(frozen=True)
class RunSettings:
    """How to execute a study; these settings do not change its results.

    `ray_address` None starts a local Ray. `cpus_per_trial` and `gpus_per_trial` may be fractions.
    `max_concurrent` None runs as many trials as fit; on a cluster that studies share, the share of
    this one is proportional to its `priority`. Weights are written to `storage`, or to
    `results_dir` if it is empty (on a cluster, a directory that every node can access); `data_dir`
    has the task's data. `evaluator` names the factory as `module:name`. A trial without a report
    for `report_timeout` seconds is killed. `profile` measures the time of each part of a training.
    `loaders` processes decode streamed images for each trial; 0 uses one for each CPU core. If
    `workers` is greater than 1, that number of processes train each trial together. `folder` in
    `results_dir`, and in the storage, belongs to the study of identity `study_id`
    (`nas.study.claim_folder`); by default a folder of the study's name is claimed for a new
    identity. With `owns_process` a second signal ends the process immediately; otherwise it raises
    KeyboardInterrupt. `abandon` is called in another thread if Ray is lost and the main thread does
    not return from a call of Ray; it should end the process, as Ray itself does later. `teachers`
    and `start` are those of the recipe.
    """

    results_dir: Path
    data_dir: Path | None = None
    ray_address: str | None = None
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    max_concurrent: int | None = None
    priority: float = 1.0
    evaluator: str = EVALUATOR
    report_timeout: float = 1800.0
    profile: bool = False
    loaders: int = 0
    workers: int = 1
    folder: str | None = None
    study_id: str = field(default_factory=lambda: secrets.token_hex(8))
    owns_process: bool = True
    abandon: Callable[[NasError], None] = lambda error: None
    teachers: tuple[Teacher, ...] = ()
    start: StartWeights | None = None
    storage: str = ""


@dataclass(frozen=True)
class RunResult:
    """The result of a run: whether a signal `interrupted` it, and its `seconds` in total."""

    interrupted: bool
    seconds: float


def run(study: Study, settings: RunSettings, on_event: Watcher = ignore_event) -> RunResult:
    """Execute the remaining trials of `study`; `on_event` is called after results are stored.

    SIGINT, SIGTERM, SIGHUP and SIGUSR1 end the run within seconds: running trials save a checkpoint
    at their next step and wait again. A second signal ends the process immediately with exit code
    130, if the run owns it.

    Raises:
        StudyFailedError: the trials keep failing; all results so far are recorded.
        StudyPausedError: a disk, a folder or data failed, or no node of the cluster can train the
            study; running trials wait again.
        StoreError: the connection to the store was lost.
        RayLostError: Ray ended or does not answer.
        NasError: the cluster cannot be reached, or is too small for one trial.
    """
    began = time.monotonic()
    execution = Execution(study, on_event)
    study.running.devices = settings.workers * (settings.gpus_per_trial or settings.cpus_per_trial)

    def abandon(error: RayLostError) -> None:
        with suppress(StoreError):
            execution.interrupt(_fault_of(error))
        settings.abandon(_ended(error) if interruption() else error)

    watch = RayWatch(abandon, local=settings.ray_address is None)
    with (
        interruptible(settings.owns_process) as interruption,
        interruption.deferred(),
        closing(watch),
        connected(settings.ray_address) as scratch,
        watch.until_lost(),
        _requeueing(execution),
        ExitStack() as ending,
    ):
        interruption.arm()
        watch.start()
        plan = _plan(study, settings)
        plan = replace(plan, ending=ending.enter_context(end_request(plan.files)))
        nodes = None
        if settings.ray_address is not None:
            from nas.tuner.draining import DrainWatch  # loads Ray's autoscaler

            nodes = CheckedNodes(execution.emit)
            probe_nodes(plan, nodes, interrupted=interruption)
            drains = DrainWatch(lambda node: plan.ending.make(node_name(node)))
            ending.enter_context(closing(drains))
        share = ending.enter_context(_shared(plan, settings, watch))
        if settings.workers > 1:
            from nas.tuner.train_workers import WorkerTeam  # loads Ray Train

            on_event(WorkersReady(1, moved_note(scratch)))
            team = WorkerTeam(
                settings.workers, settings.cpus_per_trial, plan, scratch, share, nodes
            )
            team.run(execution, interruption, watch)
        else:
            of_ray = watch, scratch, share, nodes
            _run_on_tune(execution, plan, settings, interruption, of_ray)
    return RunResult(interruption(), time.monotonic() - began)


def _ended(error: RayLostError) -> InterruptedStudyError:
    """Return the error of a study whose Ray was ended by the same signal."""
    return InterruptedStudyError(f"interrupted: {error.cause}", error.remedy)


def _run_on_tune(
    execution: Execution,
    plan: WorkerPlan,
    settings: RunSettings,
    interruption: Interruption,
    of_ray: tuple[RayWatch, Path, Share | None, CheckedNodes | None],
) -> None:
    watch, scratch, share, nodes = of_ray
    each = settings.cpus_per_trial, settings.gpus_per_trial
    room = Room(each, settings.max_concurrent, share, nodes.unfit if nodes else ())
    note = unprotected_note(settings.ray_address) or moved_note(scratch)
    execution.emit(WorkersReady(room.fits(), note))
    bridge = Bridge(execution, plan, room, settings.report_timeout, watch, nodes)
    if not interruption():
        try:
            _fit(bridge, settings, interruption, scratch)
        finally:
            watch.rest()
    # A signal ends the wait for a database; a signal to the process group ends Ray as well.
    interrupted = interruption() and isinstance(bridge.failure, StoreError | RayLostError)
    if bridge.failure is not None and not interrupted:
        raise bridge.failure


@contextmanager
def _shared(plan: WorkerPlan, settings: RunSettings, watch: RayWatch) -> Iterator[Share | None]:
    """Take part in the sharing of a cluster for the block; None on a local Ray."""
    if settings.ray_address is None:
        yield None
        return
    each = settings.cpus_per_trial * settings.workers, settings.gpus_per_trial * settings.workers
    share = Share(f"{plan.study_id} {secrets.token_hex(4)}", each, settings.priority)
    try:
        yield share
    finally:
        watch.rest()
        if watch.lost is None:
            share.close()


def _fit(
    bridge: Bridge,
    settings: RunSettings,
    interruption: Interruption,
    scratch: Path,
) -> None:
    resources = {"CPU": settings.cpus_per_trial, "GPU": settings.gpus_per_trial}
    bundle = {key: n for key, n in resources.items() if n}

    def group(config: dict[str, Any]) -> tune.PlacementGroupFactory:
        labels = config.get("labels")
        more: dict[str, Any] = {"bundle_label_selector": [labels]} if labels else {}
        return tune.PlacementGroupFactory([bundle], **more)

    tuner = tune.Tuner(
        tune.with_resources(TrialTrainable, group),
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(bridge),
            scheduler=StudyScheduler(bridge),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: f"trial-{trial.trial_id}",
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(scratch / "tune"),
            stop=StudyStopper(bridge, interruption),
            callbacks=[StudyCallback(bridge)],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )
    # All trials that are handed out may start at once; by default Tune starts them one by one.
    with environment({"TUNE_MAX_PENDING_TRIALS_PG": "100000"}):
        tuner.fit()


@contextmanager
def _requeueing(execution: Execution) -> Iterator[None]:
    """Requeue all jobs in flight at the end of the block, also after an error."""
    fault = Fault(Reason.USER, "the study was interrupted")
    try:
        yield
    except BaseException as error:
        fault = _fault_of(error)
        raise
    finally:
        with suppress(StoreError):  # the next start finds these trials RUNNING and requeues them
            execution.interrupt(fault)


def _fault_of(error: BaseException) -> Fault:
    """Return why the attempts in flight end if `error` ends the run of their study."""
    reasons: dict[Reason, type[BaseException] | tuple[type[BaseException], ...]] = {
        Reason.DATABASE: StoreError,
        Reason.RAY: (RayLostError, RayError),
        Reason.ENDED: (StudyFailedError, StudyPausedError),
        Reason.USER: (KeyboardInterrupt, InterruptedStudyError),
    }
    found = (reason for reason, kinds in reasons.items() if isinstance(error, kinds))
    detail = error.cause if isinstance(error, NasError) else last_line(str(error))
    return Fault(next(found, Reason.DRIVER), detail or type(error).__name__)


def _plan(study: Study, settings: RunSettings) -> WorkerPlan:
    data_dir, uid = settings.data_dir or study.spec.data_dir, settings.study_id
    names = (study.spec.name, f"{study.spec.name}-{uid}")
    return WorkerPlan(
        spec_json=study.spec.to_json(),
        results_dir=str(settings.results_dir.resolve()),
        data_dir=str(Path(data_dir).resolve()) if data_dir else None,
        factory=settings.evaluator,
        version=nas.__version__,
        profile=settings.profile,
        loaders=settings.loaders,
        folder=settings.folder or claim_folder(settings.results_dir, names, uid),
        study_id=uid,
        teachers=settings.teachers,
        start=settings.start,
        storage=settings.storage,
    )
