"""Requests: what a user may ask of a workflow, with every default; commands show them from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError

NUM_TRIALS = 24  # candidates of a study that no time ends
ETA = 3  # one in so many trials goes on at each rung
RESULTS_DIR = Path("nas-results")


def _check(settings: object, least: Mapping[str, float]) -> None:
    """Refuse a number below its least value; None passes.

    Raises:
        NasError: one is too small, or is no number at all.
    """
    for name, low in least.items():
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NasError(f"{name} = {value!r} is no number.", f"Give {low:g} or more.")
        if value < low:
            raise NasError(f"{name} = {value:g} is too small.", f"Give {low:g} or more.")


@dataclass(frozen=True)
class LatencyRequest:
    """How latency is measured, for budgets and objectives in it.

    `table` is a file that tables are read from, or written to where it is not there. `runtime` is
    onnxruntime or torch; None: onnxruntime on the CPU, torch on a GPU. `threads` are of the CPU.
    """

    table: Path | None = None
    runtime: str | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        """Take the file as a path, and check the numbers."""
        if self.table is not None:
            object.__setattr__(self, "table", Path(self.table))
        _check(self, {"threads": 1})


@dataclass(frozen=True)
class SearchRequest:
    """A study to make: what is searched, on which task, how candidates are trained and compared.

    `space` lists built-in names or files, joined by commas. `budgets` are ceilings as people write
    them, such as 300M-flops. `study` None makes a name from space, budget and task. `task` None is
    folder where `data_dir` is given, else cifar10 with a GPU and digits without. `num_trials` None
    is 24, or no end where `time_limit` (seconds) is given. `epochs` None are the recipe's, empty
    `rungs` a quarter, half and all of them. `resolutions` are sides in pixels up to each rung.
    `eta` None is 3. Without `objectives` they are the top-1 error and the multiply-adds, or the
    latency where that is the first budget. `input` (such as 3x224x224), `classes` and `strides`
    replace those of the space at deployment, `task_strides` those on the images of the task.
    """

    budgets: tuple[str, ...]
    space: str = "igcv3"
    study: str | None = None
    task: str | None = None
    data_dir: Path | None = None
    limit: int | None = None
    image_size: int | None = None
    skip_corrupt: bool = False
    recipe: str | None = None
    num_trials: int | None = None
    time_limit: float | None = None
    epochs: int | None = None
    rungs: tuple[int, ...] = ()
    resolutions: tuple[int, ...] = ()
    eta: int | None = None
    objectives: tuple[str, ...] = ()
    sampler: str = "predictor"
    seed: int = 0
    published: bool = True
    reuse: bool = True
    confirm: int = 3
    seeds: int = 3
    proxies: bool = False
    input: str | None = None
    classes: int | None = None
    strides: str | None = None
    task_strides: str | None = None
    latency: LatencyRequest = field(default_factory=LatencyRequest)

    def __post_init__(self) -> None:
        """Check the numbers."""
        least = {
            "num_trials": 1,
            "time_limit": 0.001,
            "epochs": 1,
            "eta": 2,
            "confirm": 0,
            "seeds": 2,
        }
        _check(self, {**least, "seed": 0, "limit": 1, "image_size": 8, "classes": 2})


@dataclass(frozen=True)
class CompareRequest:
    """A comparison: `number` networks of each space of `search`, or of each value of `vary`.

    `vary` names a choice of the only space, with its values where not all are meant. Of `search`
    hold the spaces, budgets, task, recipe and deployment; its sampler and its seeds do not.
    """

    search: SearchRequest
    number: int = 20
    vary: str | None = None


@dataclass(frozen=True)
class RunRequest:
    """Where and how the trials of a study run, and where its files go; no part of the study.

    `ray_address` None starts a Ray on this machine. `gpus_per_trial` None is 1 where there is a
    GPU, else 0; fractions share one. `max_concurrent` None is as many trials as fit. A trial that
    sends no report for `report_timeout` seconds is killed. `profile` measures where the time of
    each trial goes. `loaders` processes decode streamed images for each trial; 0 leaves that to its
    own threads. With `owns_process` a second Ctrl-C ends the process at once; a script or a
    notebook keeps it.
    """

    results_dir: Path = RESULTS_DIR
    ray_address: str | None = None
    cpus_per_trial: float = 1.0
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    report_timeout: float = 1800.0
    profile: bool = False
    loaders: int = 0
    owns_process: bool = False

    def __post_init__(self) -> None:
        """Take the folder as a path, and check the numbers."""
        object.__setattr__(self, "results_dir", Path(self.results_dir))  # a text will do
        least = {"gpus_per_trial": 0, "max_concurrent": 1}
        _check(self, {**least, "report_timeout": 1, "loaders": 0})


@dataclass(frozen=True)
class NetworkRequest:
    """One network: a trial of `study` (`trial` None: the best one), or `arch` of `space`.

    `arch` is the name of a known network, its choices in full, or an `arch_id`; `any_space` lets an
    id name a network of another space. `input`, `classes` and `strides` replace those at which the
    network is counted. `db` is the database of studies and ids.
    """

    arch: str | None = None
    space: str = "igcv3"
    study: str | None = None
    trial: int | None = None
    input: str | None = None
    classes: int | None = None
    strides: str | None = None
    db: str | None = None
    any_space: bool = True


@dataclass(frozen=True)
class ExportOptions:
    """How a network is exported to `directory`.

    `deploy` exports a trial at its deployment, with its trained weights where they fit. `opset`
    None is the usual one of `nas.exports`. `force` replaces an earlier export. Weights are looked
    for in `results_dir` too.
    """

    directory: Path
    deploy: bool = False
    opset: int | None = None
    force: bool = False
    results_dir: Path = RESULTS_DIR
