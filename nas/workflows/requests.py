"""Requests for studies: the inputs of workflows with all defaults, which the commands show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import BudgetError, NasError, NoEffectError, SpaceError
from nas.metrics import CLASSIFICATION, MADDS
from nas.storage import Keep, Storage, storage_text, weights_storage
from nas.units import parse_duration
from nas.user_folders import results_folder
from nas.workflows.request import Request

if TYPE_CHECKING:
    from nas.cost import Constraint
    from nas.space import SearchSpace, Strides
    from nas.study import TaskKind

NUM_TRIALS = 24  # candidates of a study without a time limit
ETA = 3  # one in ETA trials continues at each rung
SPACE = "igcv3"
REPORT_TIMEOUT = 1800.0  # seconds, of the trials of a search


@dataclass(frozen=True, kw_only=True)
class LatencyRequest(Request, least={"threads": 1}):
    """How latency is measured, for budgets and objectives in latency.

    Tables are read from the file `table`, or written to it if it does not exist. `runtime` is
    onnxruntime or torch; None: onnxruntime on the CPU, torch on a GPU. `threads` are CPU threads.
    """

    table: Path | None = None
    runtime: str | None = None
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class SearchRequest(
    Request,
    least={
        "trials": 1,
        "time": 0.001,
        "epochs": 1,
        "eta": 2,
        "confirm": 0,
        "seeds": 2,
        "seed": 0,
        "limit": 1,
        "image_size": 8,
        "confirm_size": 8,
        "classes": 2,
    },
):
    """A new study: the space, the task, and how candidates are trained and compared.

    `space` lists built-in names or files, separated by commas. `budgets` are ceilings such as
    300M-flops. `study` None makes a name from space, budget and task. `task` None is folder if
    `data` is given, otherwise cifar10 with a GPU and digits without. `trials` None is 24, or
    unlimited with `time`: a span such as 1h30m, or seconds. `epochs` None are the recipe's, empty
    `rungs` a ninth, a third and all of them. `resolutions` are image sides in pixels up to each
    rung. `eta` None is 3. `judge` sets the values that rungs compare: the "error" at the rung
    (None), or "inferred" final losses. The sampler learns from comparable trainings of earlier
    studies of the database, or only of the studies `learn_from`, or of none if `learn` is false.
    Default `objectives` are the top-1 error and the multiply-adds, or the latency if the first
    budget limits it. `input` (such as 3x224x224), `classes` and `strides` replace those of the
    space at deployment, `task_strides` those on the images of the task. With `teach` the confirmed
    networks are trained again, with the best networks of the study as teachers. With
    `confirm_recipe` the training of the search is a short schedule; the confirmed networks and the
    references are trained by this recipe, for its epochs, on images of `confirm_size` (None: the
    task's own).
    """

    budgets: tuple[str, ...] = ()
    space: str = SPACE
    study: str | None = None
    task: str | None = None
    data: Path | None = None
    limit: int | None = None
    image_size: int | None = None
    skip_corrupt: bool = False
    recipe: str | None = None
    trials: int | None = None
    time: float | str | None = None
    epochs: int | None = None
    rungs: tuple[int, ...] = ()
    resolutions: tuple[int, ...] = ()
    eta: int | None = None
    judge: str | None = None
    objectives: tuple[str, ...] = ()
    sampler: str = "predictor"
    seed: int = 0
    published: bool = True
    reuse: bool = True
    learn_from: tuple[str, ...] = ()
    learn: bool = True
    confirm: int = 3
    seeds: int = 3
    proxies: bool = False
    teach: bool = False
    confirm_recipe: str | None = None
    confirm_size: int | None = None
    input: str | None = None
    classes: int | None = None
    strides: str | None = None
    task_strides: str | None = None
    latency: LatencyRequest = field(default_factory=LatencyRequest)

    def __post_init__(self) -> None:
        """Read the time span, and check the numbers and the settings."""
        if isinstance(self.time, str):
            object.__setattr__(self, "time", parse_duration(self.time))
        super().__post_init__()

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.rungs and self.epochs != self.rungs[-1]:
            rungs = ",".join(map(str, self.rungs))
            yield NoEffectError("epochs", f"the last of {{rungs}} {rungs} is full fidelity")
        if not self.confirm:
            yield NoEffectError("seeds", "{confirm} 0 trains nothing again")
            yield NoEffectError("teach", "{confirm} 0 confirms no network that could be taught")
            yield NoEffectError("confirm_recipe", "{confirm} 0 confirms nothing")
        if self.confirm_recipe is None:
            yield NoEffectError("confirm_size", "without {confirm_recipe} it is that of the search")
        else:
            again = "Leave {teach} out, and teach a confirmed network: nas train STUDY --teacher …"
            yield NoEffectError("teach", "{confirm_recipe} is another training", again)
        if not self.learn:
            yield NoEffectError("learn_from", "{learn} turns learning off", "Leave out one.")
        yield from unused_images(self.task, self.data)
        yield from unused_latency(self.budgets, self.objectives)

    @cached_property
    def constraints(self) -> "tuple[Constraint, ...]":
        """The budgets as constraints.

        Raises:
            BudgetError: there is none, one cannot be read, or two limit the same cost.
        """
        from nas.cost import parse_budgets

        if not self.budgets:
            raise BudgetError("no budget was given.", "Add one, such as --budget 300M-flops.")
        return parse_budgets(self.budgets)

    @cached_property
    def spaces(self) -> "tuple[SearchSpace, ...]":
        """The loaded spaces; several must have the same deployment, their own or the request's.

        Raises:
            SpaceError: one cannot be read, is named twice, or has another deployment.
        """
        from nas.space import load_space

        spaces = tuple(load_space(name) for name in self.space.split(","))
        if len({space.name for space in spaces}) < len(spaces):
            raise SpaceError(f"--space {self.space} names a space twice.", "Name each space once.")
        deployed = bool(self.input and self.classes)
        if len({(space.deployment, space.classes) for space in spaces}) > 1 and not deployed:
            raise SpaceError(
                f"the spaces {self.space} are deployed at different inputs or classes.",
                "State where to count them: --input 3x224x224 --classes 1000.",
            )
        return spaces

    @cached_property
    def stated_strides(self) -> "tuple[Strides, Strides]":
        """The strides that are stated for the deployment, and for the task.

        Raises:
            NasError: they cannot be read, or do not fit one of the spaces.
        """
        from nas.space import given_strides

        return (
            given_strides(self.spaces, self.strides),
            given_strides(self.spaces, self.task_strides, "--task-strides"),
        )

    @property
    def usual_objectives(self) -> tuple[str, ...]:
        """The objectives; by default the task's metric, and multiply-adds or a limited latency."""
        if self.objectives:
            return self.objectives
        first = self.constraints[0]
        reported = _kind(self.task).metrics[0] if self.task else CLASSIFICATION[0]
        return reported, f"{first.cost}@{first.device}" if first.device else MADDS.name


@dataclass(frozen=True, kw_only=True)
class CompareRequest(Request, least={"number": 2}):
    """A comparison: `number` networks of each space of `search`, or of each value of `vary`.

    `vary` names a choice of the only space, with its values unless all are compared. Spaces,
    budgets, task, recipe and deployment of `search` are used; its sampler and seeds are not.
    """

    search: SearchRequest
    number: int = 20
    vary: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainRequest(
    Request,
    least={"trial": 0, "epochs": 1, "seeds": 1, "seed": 0, "limit": 1, "image_size": 8},
):
    """One network to train to the end: a study without a search.

    The network is `arch` of `space`, or a trial of `study`, as in `NetworkRequest`. `against` is a
    second one, trained in the same way: a name or choices as in `arch`, a study (its best trial),
    or a trial as STUDY#N. `name` None makes a name of the new study from network, task and recipe.
    `task` None is that of `study`, else folder if `data` is given, else digits. With the task of
    `study` its data, `limit`, image size and recipe are the defaults. `settings` replace fields of
    the recipe, each as FIELD=VALUE. `teacher` names the teachers, separated by commas: a study (its
    best networks), a trial as STUDY#N, or `study` for that of the network. `start` names the
    network or file whose weights are the initial ones, as far as they fit: a trial as STUDY#N, a
    study (its best trial), or a file with a suffix or a path. `epochs` None are the recipe's; for a
    taught network they are those of `study`, so that its errors can be compared. Each network is
    trained with the seeds `seed`, `seed` + 1, …. With `reuse`, an equal training of the database is
    not repeated. `strides` are those at the deployment, `task_strides` those on the images.
    """

    arch: str | None = None
    space: str | None = None
    study: str | None = None
    trial: int | None = None
    against: str | None = None
    name: str | None = None
    task: str | None = None
    data: Path | None = None
    limit: int | None = None
    image_size: int | None = None
    skip_corrupt: bool = False
    recipe: str | None = None
    settings: tuple[str, ...] = ()
    teacher: str | None = None
    start: str | None = None
    epochs: int | None = None
    seeds: int = 1
    seed: int = 0
    reuse: bool = True
    strides: str | None = None
    task_strides: str | None = None

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.study is not None:
            yield NoEffectError("strides", "the study defines its deployment")
            if self.against is None:
                yield NoEffectError("space", "the network is one of the study")
        for name in ("epochs", "teacher", "start"):
            if self.sets(name):
                yield NoEffectError(name, f"{{settings}} {name}=… replaces it")
        yield from unused_images(self.task, self.data, own=self.study is not None)

    def sets(self, name: str) -> bool:
        """Tell whether `settings` replace this field of the recipe."""
        return any(each.partition("=")[0].strip() == name for each in self.settings)


@dataclass(frozen=True, kw_only=True)
class RunRequest(
    Request,
    least={
        "gpus_per_trial": 0,
        "max_concurrent": 1,
        "priority": 0.01,
        "report_timeout": 1,
        "loaders": 0,
        "workers": 1,
    },
):
    """Where and how the trials of a study run, and where its files go; does not affect the study.

    `results_dir` is by default the folder in the environment variable NAS_RESULTS, else
    nas-results. `ray_address` None starts a Ray on this machine. `cpus_per_trial` None is 1; in a
    study without a search it is OMP_NUM_THREADS, or with a GPU an equal part of the cores.
    `gpus_per_trial` None is 1 if there is a GPU, else 0; trials with fractions share a GPU.
    `max_concurrent` None is as many trials as fit. Studies on one cluster share it in proportion to
    their `priority`. A trial that sends no report for `report_timeout` seconds is killed; None is
    1800, and no limit in a study without a search. There, `workers` processes train each trial
    together. `profile` measures the time of the parts of each trial. `loaders` processes decode
    streamed images for each trial; 0: one for each of its CPU cores. `export` False omits the files
    of the best network, which are written in `formats`; empty: those of this package. `storage` is
    the place of weights and checkpoints: a folder, s3://bucket/prefix or gs://…; None is the
    storage of the study, or for a new one the results folder. `keep` sets the weights that are kept
    after a complete search: those of its "front", of the confirmed networks and of the best five,
    or "all"; None is the setting of the study, or for a new one "front". With `owns_process` a
    second Ctrl-C ends the process at once; a script or a notebook keeps its process.
    """

    results_dir: Path = field(default_factory=results_folder)
    storage: str | None = None
    keep: str | None = None
    ray_address: str | None = None
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    priority: float = 1.0
    report_timeout: float | None = None
    profile: bool = False
    loaders: int = 0
    formats: Sequence[str] = ()
    workers: int = 1
    export: bool = True
    owns_process: bool = False

    def __post_init__(self) -> None:
        """Check the settings, and set the storage to the text that is recorded.

        Raises:
            NasError: the text of the storage cannot be read, or `keep` is unknown.
        """
        super().__post_init__()
        if self.keep not in (None, *Keep):
            raise NasError(
                f"weights of {self.keep!r} cannot be kept.", f"Keep {' or '.join(Keep)}."
            )
        if self.storage is not None:
            object.__setattr__(self, "storage", storage_text(self.storage))

    @property
    def files(self) -> Storage:
        """The storage of weights and checkpoints."""
        return weights_storage(self.storage, self.results_dir)

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.workers > 1:
            yield NoEffectError("max_concurrent", "{workers} train one network at a time")
        if self.ray_address is None:
            yield NoEffectError("priority", "without {ray_address} no other study shares the Ray")


def _kind(task: str) -> "TaskKind":
    from nas.study import TASKS

    return TASKS.load(task)


def unused_images(
    task: str | None, data: Path | None, own: bool = False
) -> Iterator[NoEffectError]:
    """Yield the settings of images without effect; with `own`, a study may define the images."""
    embedded = task is not None and _kind(task).embedded
    if embedded:
        yield NoEffectError("data", f"the images of {task} come with a package")
    if embedded or not (data or (own and task is None)):
        yield NoEffectError("skip_corrupt", "no images of {data} are read")


def unused_latency(
    budgets: Sequence[str], objectives: Sequence[str] = ()
) -> Iterator[NoEffectError]:
    """Yield the settings of a LatencyRequest, called `latency`, that have no effect."""
    asked = " ".join((*budgets, *objectives)).lower()
    if "latency" not in asked:
        why, names = "latency is not limited or minimised", ["table", "runtime", "threads"]
    elif "cuda" in asked and "cpu" not in asked:
        why, names = "latency is measured on a GPU", ["threads"]
    else:
        return
    for name in names:
        yield NoEffectError(
            f"latency.{name}", why, "Leave it out, or add a budget such as 5ms-latency@cpu."
        )
