"""What `nas train` does: which networks, their runs, and what is written of them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.cost import Cost, total_cost
from nas.errors import NasError, TaskError
from nas.exports import ExportRequest, WeightsOrigin, export_network
from nas.figures import write_training_page
from nas.metrics import CLASSIFICATION, TOP1_ERROR
from nas.results import Estimate
from nas.space import Adaptation, Architecture, Layer, SearchSpace, Shape, Stated, lower
from nas.stats import Difference, Summary, difference
from nas.study import TaskRequest
from nas.training import (
    RESULT,
    Execute,
    Recipe,
    Result,
    Run,
    Task,
    Watch,
    check_identity,
    fvcore_cost,
    read_document,
    train,
    write_json,
)

SETTINGS = "run.json"


@dataclass(frozen=True)
class Subject:
    """One network to train; `study` and `trial` where it comes from a search.

    `stated` holds the strides that a user or the study states (`nas.space.strides`).
    """

    name: str
    space: SearchSpace
    architecture: Architecture
    deployment: Shape
    classes: int
    study: str | None = None
    trial: int | None = None
    stated: Stated = field(default_factory=Stated)

    @property
    def deployed(self) -> Adaptation:
        """The strides at the deployment."""
        return self.stated.deployed(self.space, self.deployment)

    def trained(self, images: Shape) -> Adaptation:
        """Return the strides on the images of a task."""
        return self.stated.trained(self.space, self.deployment, images)

    def deployed_layers(self) -> list[Layer]:
        """Return the layers at the deployment."""
        strides = self.deployed.strides
        return lower(self.space, self.architecture, self.deployment, self.classes, strides)

    def task_layers(self, task: Task) -> list[Layer]:
        """Return the layers on the images and classes of a task."""
        strides = self.trained(task.input).strides
        return lower(self.space, self.architecture, task.input, task.outputs, strides)

    @property
    def folder_name(self) -> str:
        """Its name as a part of a path."""
        return "".join(c if c.isalnum() or c in "-._" else "-" for c in self.name)


@dataclass(frozen=True)
class TrainingPlan:
    """How the networks are trained, and where everything goes."""

    task: Task
    task_name: str
    data_seed: int
    recipe: Recipe
    recipe_name: str
    epochs: int
    seeds: tuple[int, ...]
    out: Path
    resume: bool
    export: bool
    request: TaskRequest
    workers: int = 1
    profile: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What all its runs share, and what may not change when it is resumed."""
        recipe = replace(self.recipe, accumulation=1)
        return {
            "task": self.task_name,
            "data": self.task.identity.as_json(),
            "input": str(self.task.input),
            "recipe": recipe.text,
            "epochs": self.epochs,
            "data_seed": self.data_seed,
        }


@dataclass(frozen=True)
class Trained:
    """One network with its results, one for each seed; `cost` is at deployment, counted twice."""

    subject: Subject
    cost: Cost
    results: tuple[Result, ...]

    @property
    def errors(self) -> list[float]:
        """The test errors of the replicates."""
        return _errors(self, "test")

    @property
    def summary(self) -> Summary:
        """Mean, deviation and number of the test errors."""
        return Summary.of(self.errors)


def check_folder(plan: TrainingPlan) -> None:
    """Make sure that the folder of `plan` is free, or may be gone on with; write nothing.

    Raises:
        TaskError: it holds something and --resume was not given, or it belongs to other settings.
    """
    path = plan.out / SETTINGS
    try:
        if plan.out.exists() and not plan.out.is_dir():
            raise TaskError(f"{plan.out} is a file.", "Give --out the path of a folder.")
        if plan.resume and path.is_file():
            check_identity(read_document(path), plan.identity, path)
            return
        if plan.out.exists() and any(plan.out.iterdir()):
            raise TaskError(
                f"{plan.out} holds {'files that are no training' if plan.resume else 'files'}.",
                "Give another --out" + ("." if plan.resume else ", or --resume to go on with it."),
            )
    except OSError as error:
        raise _unwritable(plan.out, error) from error


def is_unchecked(plan: TrainingPlan) -> bool:
    """Tell whether `plan` goes on with a training that kept no identity of its images."""
    path = plan.out / SETTINGS
    return plan.resume and path.is_file() and "data" not in read_document(path)


def prepare(plan: TrainingPlan) -> None:
    """Make the folder of `plan`, which `check_folder` has passed.

    Raises:
        TaskError: it cannot be written.
    """
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(plan.out, error) from error
    if not (plan.out / SETTINGS).is_file():
        write_json(plan.out / SETTINGS, plan.identity)


def train_all(
    plan: TrainingPlan,
    subject: Subject,
    folder: Path,
    watch: Watch,
    execute: Execute | None = None,
    keep: Callable[[Trained], None] = lambda trained: None,
) -> Trained:
    """Count `subject` twice, then train it once for each seed; what is done already is kept.

    `execute` trains elsewhere than here. `keep` gets each replicate as soon as it is over.

    Raises:
        NasError: the two counts differ, or the folder belongs to another network.
    """
    cost = _counted(subject)
    task = plan.task
    layers = subject.task_layers(task)
    identity = {
        "architecture": f"{subject.architecture.space}: {subject.architecture.text}",
        "layers": hashlib.sha256(repr(layers).encode()).hexdigest()[:12],
        **plan.identity,
    }
    results = []
    for seed in plan.seeds:
        place = folder / f"seed-{seed}"
        run = Run(layers, task, plan.recipe, plan.epochs, seed, place, identity, plan.profile)
        results.append(train(run, plan.resume, watch, execute=execute))
        keep(Trained(subject, cost, (results[-1],)))
    return Trained(subject, cost, tuple(results))


def _unwritable(path: Path, error: OSError) -> TaskError:
    return TaskError(
        f"{path} cannot be written ({error.strerror}).",
        "Give --out a folder that you may write to.",
    )


def compare(one: Trained, errors: Sequence[float], name: str) -> tuple[Difference | None, str]:
    """Return the difference of the test errors to those of `name`, and a sentence about it."""
    found = difference(one.errors, errors)
    gap = 100 * (one.summary.mean - Summary.of(errors).mean)
    words = f"{one.subject.name} against {name}: {gap:+.2f} points of test error"
    if found is None:
        return None, f"{words}; one run tells nothing of noise: add --seeds 3"
    interval = f"95 % interval {100 * found.low:+.2f} to {100 * found.high:+.2f}"
    verdict = "within noise" if found.noise else "beyond noise"
    return found, f"{words}, {interval} (Welch, n = {len(one.errors)} and {len(errors)}): {verdict}"


def summary_line(trained: Trained) -> str:
    """Return one sentence: mean, deviation and number of the test errors."""
    summary = trained.summary
    mean = f"{trained.subject.name}: test error {100 * summary.mean:.2f} %"
    if summary.deviation is None:
        return f"{mean} (n = 1)"
    return f"{mean}, standard deviation {100 * summary.deviation:.2f} points, n = {summary.n}"


def settings(plan: TrainingPlan) -> dict[str, Any]:
    """Return what a page says about how the networks were trained."""
    from nas.training import describe_devices
    from nas.workflows import versions

    return {
        "recipe": plan.recipe_name,
        "recipe text": plan.recipe.text,
        "epochs": plan.epochs,
        "seeds": ", ".join(map(str, plan.seeds)),
        "device": describe_devices(),
        **({"workers": plan.workers} if plan.workers > 1 else {}),
        "weights": "those of the last epoch" + (", averaged" if plan.recipe.ema else ""),
        "versions": ", ".join(f"{name} {found}" for name, found in versions().items()),
    }


def document(
    plan: TrainingPlan, networks: Sequence[Trained], findings: Sequence[str]
) -> dict[str, Any]:
    """Return everything that was found, as it is written to `result.json`."""
    return {
        "schema": 1,
        "task": plan.task.note,
        "data": plan.task.identity.as_json(),
        "class_names": list(plan.task.class_names),
        "settings": settings(plan),
        "findings": list(findings),
        "networks": [
            {
                **describe(plan, trained),
                "test_error": asdict(trained.summary),
                "runs": [asdict(result) for result in trained.results],
            }
            for trained in networks
        ],
    }


def write_all(
    plan: TrainingPlan, networks: Sequence[Trained], findings: Sequence[str]
) -> list[Path]:
    """Write the record, the page, and the network with the lowest validation error as files."""
    whole = document(plan, networks, findings)
    write_json(plan.out / RESULT, whole)
    write_training_page(whole, plan.out / "report.html")
    files = [plan.out / RESULT, plan.out / "report.html"]
    if plan.export:
        request = export_request(plan, networks[0])
        files += export_network(request, plan.out / "network", force=True)
    return files


def export_request(plan: TrainingPlan, trained: Trained) -> ExportRequest:
    """Return what to export: the replicate with the lowest validation error."""
    subject, task = trained.subject, plan.task
    best = min(trained.results, key=lambda result: float(result.validation["top1_error"]))
    return ExportRequest(
        name=subject.name,
        space=subject.space,
        architecture=subject.architecture,
        input=task.input,
        classes=task.outputs,
        deployment=subject.deployment,
        deployment_classes=subject.classes,
        strides=subject.trained(task.input).strides,
        deployment_strides=subject.deployed.strides,
        training=WeightsOrigin(
            weights=Path(best.weights),
            study=subject.study,
            trial=subject.trial,
            task=plan.task_name,
            data=task.note,
            recipe=plan.recipe.text,
            study_seed=plan.data_seed,
            trial_seed=best.seed,
            epochs=plan.epochs,
            scores={
                "validation": _score(best.validation),
                "test": _score(best.test),
            },
            estimates={
                "validation": Estimate.of(TOP1_ERROR, _errors(trained, "validation"), "validation"),
                "test": Estimate.of(TOP1_ERROR, trained.errors, "test", len(task.test)),
            },
            mean=task.mean,
            std=task.std,
            class_names=task.class_names,
            sha256=best.weights_sha256,
        ),
    )


def earlier_errors(path: Path) -> tuple[str, list[float]]:
    """Return the name and the test errors in what an earlier `nas train` wrote to folder `path`.

    Raises:
        TaskError: there is no such record, or it is broken.
    """
    found = read_document(path / RESULT)
    try:
        first = found["networks"][0]
        return first["name"], [float(run["test"]["top1_error"]) for run in first["runs"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise TaskError(
            f"{path / RESULT} is no record of nas train.", "Give the --out of an earlier training."
        ) from error


def describe(plan: TrainingPlan, trained: Trained) -> dict[str, Any]:
    """Return what a network is and costs, at deployment and on the task, without its results."""
    subject, task = trained.subject, plan.task
    layers = subject.task_layers(task)
    deployed, trained_at = subject.deployed, subject.trained(task.input)
    return {
        "name": subject.name,
        "study": subject.study,
        "trial": subject.trial,
        "space": subject.space.name,
        "arch_id": subject.architecture.arch_id,
        "architecture": subject.architecture.text,
        "cost": {
            "deployment": {
                "input": str(subject.deployment),
                "classes": subject.classes,
                "strides": deployed.text,
                "adaptation": deployed.describe(),
                **asdict(trained.cost),
            },
            "task": {
                "input": str(task.input),
                "classes": task.outputs,
                "strides": trained_at.text,
                "adaptation": trained_at.describe(),
                **asdict(total_cost(layers)),
            },
        },
    }


def _counted(subject: Subject) -> Cost:
    """Return the cost at deployment, on which our count and fvcore's agree."""
    layers = subject.deployed_layers()
    ours, referee = total_cost(layers), fvcore_cost(layers, subject.deployment)
    if ours != referee:
        raise NasError(
            f"the counts of {subject.name} differ: ours {ours}, fvcore's {referee}.",
            "Nothing was trained. Please report this with the architecture.",
        )
    return ours


def _errors(trained: Trained, split: str) -> list[float]:
    return [float(getattr(result, split)["top1_error"]) for result in trained.results]


def _score(shares: dict[str, Any]) -> dict[str, float]:
    return {name: float(shares[name]) for name in CLASSIFICATION}
