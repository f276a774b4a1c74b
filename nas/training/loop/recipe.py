"""Recipe: the settings of a training, as data.

A trial never restarts at a rung; `rungs` determines its learning rate there. With `continue` one
schedule covers the full fidelity, and a rung is reached within it: a network judged at epoch 3 of 9
has trained for the first three epochs of the schedule, with a high rate. With `complete` the rate
rises and falls to 0 before each rung, so that networks are judged at the end of a cycle. In both
cases all trials of a rung are comparable. Outside of a search there are no rungs, and both settings
give the same schedule.

A schedule is scaled to the requested epochs: milestones 200 of 400 become 20 of 40.
"""

import math
import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nas.errors import TaskError
from nas.suggestion import did_you_mean
from nas.text_file import read_text

Schedule: TypeAlias = Literal["cosine", "triangular", "step", "exponential"]
OptimiserName: TypeAlias = Literal["sgd", "rmsprop"]
CropName: TypeAlias = Literal["area", "scale"]
AtRungs: TypeAlias = Literal["continue", "complete"]


@dataclass(frozen=True)
class Recipe:
    """The settings of training.

    `epochs` is the default full fidelity; `lr` is the peak, reached linearly after `warmup_epochs`.
    Then the rate falls to 0 at the end by a half cosine or linearly (`triangular`), or is
    multiplied by `lr_factor` at each of `milestones` (`step`: finished epochs, out of `epochs`) or
    after every epoch (`exponential`). With `rungs` = `complete` it falls to 0 at every rung of a
    search, not only at the last one.

    `label_smoothing` is the share of a target that is spread over all classes. `bn_momentum` is the
    weight of a new batch in the running statistics, and `bn_batches` the number of training batches
    from which they are recomputed before validation, 0 for never. `augment` enables the
    augmentation of the task.

    `optimiser` is SGD, with Nesterov momentum or plain, or RMSProp with `rmsprop_decay` and
    `rmsprop_epsilon`; weight decay excludes batch norms and biases unless `decay_norms`. `ema` is
    the decay per step of the averaged weights, which are evaluated instead of the last ones; 0 for
    no average. `accumulation` is the number of parts into which each batch is split to save memory;
    batch norms then use the statistics of one part.

    `teacher` lists the weights of trained networks by their SHA-256: the network also learns from
    their mean outputs (`nas.training.loop.teaching`), with a share `teacher_weight` of the loss, at
    `teacher_temperature`. `start` is the SHA-256 of the weights of a trained network, as a list of
    one: the network starts with the weights that fit by name and shape, except its last layers.

    `crop` and the fields after it apply to images streamed from disk: a crop of a share from
    `crop_least` to 1 of the area (`area`) or of a short side from `crop_least` to 1 times 15/7 of
    the input (`scale`), and jitter of hue (degrees), saturation and lightness (shades of 255).
    `expand` applies to detection: half of the images are shown at down to 1/`expand` of their
    height and width.

    `zero_residuals` starts the branch of every residual at 0 (`nas.training.network.module.build`);
    recipes of versions without this field train without it. `clip_norm` is the greatest norm of
    the gradient of all weights, which is scaled down to it; 0 for no limit.

    `epoch_images` is the number of images of an epoch, for large data: several epochs then divide
    one shuffled pass over the training images, so that a rung can be a part of a pass. It is
    rounded to whole batches; 0: an epoch is a pass.

    `by_schedule` names the fields that a study sets for its number of images and epochs
    (`nas.training.loop.fitting`), which replaces their values here.
    """

    epochs: int
    batch_size: int
    lr: float
    warmup_epochs: float
    schedule: Schedule
    momentum: float
    weight_decay: float
    label_smoothing: float
    bn_momentum: float
    bn_batches: int
    augment: bool
    optimiser: OptimiserName = "sgd"
    nesterov: bool = True
    decay_norms: bool = False
    rmsprop_decay: float = 0.9
    rmsprop_epsilon: float = 1e-3
    milestones: tuple[int, ...] = ()
    lr_factor: float = 0.1
    ema: float = 0.0
    accumulation: int = 1
    crop: CropName = "area"
    crop_least: float = 0.25
    jitter_hue: float = 0.0
    jitter_saturation: float = 0.0
    jitter_lightness: float = 0.0
    expand: float = 1.0
    rungs: AtRungs = "continue"
    teacher: tuple[str, ...] = ()
    teacher_weight: float = 0.9
    teacher_temperature: float = 4.0
    start: tuple[str, ...] = ()
    zero_residuals: bool = False
    clip_norm: float = 0.0
    epoch_images: int = 0
    by_schedule: tuple[str, ...] = ()

    def lr_at(self, epochs: float, max_epochs: int, rungs: Sequence[int] = ()) -> float:
        """Return the learning rate of the step that ends after `epochs` of `max_epochs`.

        `rungs` are the rung epochs of a search, rising; the last is `max_epochs`.
        """
        if self.rungs == "continue" or len(rungs) <= 1:
            return self._lr_of_one(epochs, max_epochs)
        passed = bisect_left(rungs, epochs)  # the step that reaches a rung is in the earlier cycle
        return self._lr_of_cycle(epochs, (0, *rungs)[passed], rungs[passed], max_epochs)

    def _lr_of_cycle(self, epochs: float, start: int, end: int, max_epochs: int) -> float:
        """Return the rate within the cycle from `start` to `end`.

        Its peak is the rate of a single schedule over `max_epochs` at `start`: a full peak in a
        later cycle would undo the progress of the earlier ones. The warm-up to a lower peak has the
        same slope as the first one, and so is shorter.
        """
        envelope = max(start, min(self.warmup_epochs, max_epochs / 2))
        share = self._lr_of_one(envelope, max_epochs) / self.lr if start else 1.0
        cycle = replace(self, lr=share * self.lr, warmup_epochs=share * self.warmup_epochs)
        return cycle._lr_of_one(epochs - start, end - start)

    def _lr_of_one(self, epochs: float, max_epochs: int) -> float:
        """Return the rate of a single schedule over `max_epochs`."""
        warmup = min(self.warmup_epochs, max_epochs / 2)
        if epochs < warmup:
            return self.lr * epochs / warmup
        if self.schedule in ("step", "exponential"):
            return self.lr * self.lr_factor ** self._drops(epochs * self.epochs / max_epochs)
        left = max(0.0, (max_epochs - epochs) / (max_epochs - warmup))
        if self.schedule == "cosine":
            return self.lr * (1 - math.cos(math.pi * left)) / 2
        return self.lr * left

    def _drops(self, epochs: float) -> int:
        """Return how often the rate has dropped before a step that ends after `epochs`."""
        finished = max(0, math.ceil(epochs - 1e-9) - 1)  # epochs before the step
        if self.schedule == "exponential":
            return finished
        return sum(finished >= milestone for milestone in self.milestones)

    @property
    def text(self) -> str:
        """The TOML text from which `read_recipe` gives this recipe, without default values."""
        shown = [field.name for field in _FIELDS if getattr(self, field.name) != field.default]
        return "".join(f"{name} = {_show(getattr(self, name))}\n" for name in shown)


FITTED = ("batch_size", "lr", "warmup_epochs", "label_smoothing", "bn_batches", "augment")
"""The fields that `by_schedule` may name."""

_FIELDS = fields(Recipe)
_NAMES = tuple(field.name for field in _FIELDS)
_REQUIRED = tuple(field.name for field in _FIELDS if field.default is MISSING)
# type in a file, least and greatest value of each field
_RANGES: dict[str, tuple[type, float, float]] = {
    "epochs": (int, 1, 10_000),
    "batch_size": (int, 2, 65_536),
    "lr": (float, 1e-6, 100.0),
    "warmup_epochs": (float, 0.0, 10_000.0),
    "momentum": (float, 0.0, 0.999),
    "weight_decay": (float, 0.0, 1.0),
    "label_smoothing": (float, 0.0, 0.9),
    "bn_momentum": (float, 0.001, 1.0),
    "bn_batches": (int, 0, 10_000),
    "rmsprop_decay": (float, 0.0, 0.9999),
    "rmsprop_epsilon": (float, 1e-10, 10.0),
    "lr_factor": (float, 1e-6, 1.0),
    "ema": (float, 0.0, 0.99999),
    "clip_norm": (float, 0.0, 1e6),
    "epoch_images": (int, 0, 1_000_000_000),
    "accumulation": (int, 1, 65_536),
    "crop_least": (float, 0.01, 1.0),
    "jitter_hue": (float, 0.0, 180.0),
    "jitter_saturation": (float, 0.0, 255.0),
    "jitter_lightness": (float, 0.0, 255.0),
    "expand": (float, 1.0, 8.0),
    "teacher_weight": (float, 0.01, 1.0),
    "teacher_temperature": (float, 0.1, 100.0),
}
_WORDS: dict[str, tuple[str, ...]] = {
    "schedule": ("cosine", "triangular", "step", "exponential"),
    "optimiser": ("sgd", "rmsprop"),
    "crop": ("area", "scale"),
    "rungs": ("continue", "complete"),
}


_PAPER = {
    "cifar10": "igcv3-cifar", "cifar100": "igcv3-cifar", "imagenet": "igcv3-imagenet",
    "coco": "ssdlite-igcv3",
}  # fmt: skip


def builtin_recipes() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    files = (resources.files("nas.training.loop") / "recipes").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def recipe_name(name: str, task: str) -> str:
    """Return `name`; for `paper`, the name of the recipe of the IGCV3 paper for `task`.

    Raises:
        TaskError: the paper does not train on that task.
    """
    if name != "paper":
        return name
    if task not in _PAPER:
        raise TaskError(
            f"the paper has no recipe for the task {task}, only for {', '.join(_PAPER)}.",
            f"Write --recipe {' or --recipe '.join(sorted(set(_PAPER.values())))}.",
        )
    return _PAPER[task]


def load_recipe(name_or_path: str) -> Recipe:
    """Return the built-in recipe of this name, or the recipe in this TOML file.

    Raises:
        TaskError: there is no such recipe, or its file is malformed.
    """
    if name_or_path in builtin_recipes():
        file = resources.files("nas.training.loop") / "recipes" / f"{name_or_path}.toml"
        return read_recipe(file.read_text(encoding="utf-8"), f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        near = did_you_mean(name_or_path, [*builtin_recipes(), "paper"])
        raise TaskError(
            f"there is no recipe {name_or_path!r}.",
            f"{near}Write one of {', '.join(builtin_recipes())}, or the path of a .toml file.",
        )
    return read_recipe(read_text(path, TaskError), path.name)


def read_recipe(text: str, file: str) -> Recipe:
    """Return the recipe in `text`; `file` names it in messages.

    Raises:
        TaskError: the text is not TOML, or a field is unknown, missing or out of range.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{file} is not valid TOML: {error}.", "Correct this line.") from error
    return _recipe_of(document, file)


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Return `recipe` with each of `settings`, such as `lr=0.05` or `schedule=step`, replaced.

    These fields are removed from `by_schedule`.

    Raises:
        TaskError: a setting is malformed, names no field, or its value is out of range.
    """
    document = tomllib.loads(recipe.text)
    for setting in settings:
        name, separator, value = (part.strip() for part in setting.partition("="))
        if not separator or not name or not value:
            raise TaskError(f"{setting!r} is not a setting.", "Write field=value, e.g. lr=0.05.")
        document[name] = _parsed(value)
        if name in document.get("by_schedule", ()):
            document["by_schedule"].remove(name)
    return _recipe_of(document, "the recipe")


def _parsed(text: str) -> object:
    """Return a value written as TOML; other text is returned as it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _recipe_of(document: dict[str, object], file: str) -> Recipe:
    unknown = [key for key in document if key not in _NAMES]
    if unknown:
        near = did_you_mean(unknown[0], _NAMES)
        raise TaskError(f"{file}: unknown field {unknown[0]!r}.", f"{near}Use {', '.join(_NAMES)}.")
    missing = [name for name in _REQUIRED if name not in document]
    if missing:
        raise TaskError(f"{file}: {missing[0]} is missing.", f"Give all of {', '.join(_REQUIRED)}.")
    recipe = Recipe(**{name: _value(name, value, file) for name, value in document.items()})
    if recipe.schedule == "step" and not recipe.milestones:
        raise TaskError(
            f"{file}: the schedule step has no milestones.",
            "Give milestones, e.g. [200, 300, 350].",
        )
    if recipe.rungs == "complete" and recipe.schedule not in ("cosine", "triangular"):
        raise TaskError(
            f"{file}: rungs = 'complete' but the schedule {recipe.schedule} does not end at 0.",
            "Give schedule = 'cosine' or 'triangular', or rungs = 'continue'.",
        )
    if recipe.accumulation > recipe.batch_size // 2:
        raise TaskError(
            f"{file}: accumulation = {recipe.accumulation} gives parts of one image.",
            f"Give {recipe.batch_size // 2} or less, or a greater batch_size.",
        )
    idle = [name for name in document if name.startswith("teacher_")]
    if idle and not recipe.teacher:
        raise TaskError(
            f"{file}: {idle[0]} has no effect without teachers.",
            "Leave it out, or name teachers: nas train --teacher STUDY --set teacher_weight=…",
        )
    return recipe


def _value(name: str, value: object, file: str) -> Any:
    if name in _RANGES:
        kind, least, most = _RANGES[name]
        numbers = int if kind is int else (int, float)
        number = isinstance(value, numbers) and not isinstance(value, bool)
        fits = number and least <= value <= most  # type: ignore[operator]
        article = "an integer" if kind is int else "a number"
        wanted = f"{article} from {least:g} to {most:g}"
        value = kind(value) if fits else value
    elif name in _WORDS:
        fits, wanted = value in _WORDS[name], f"one of {', '.join(_WORDS[name])}"
    elif name in _LISTS:
        fits, wanted = _LISTS[name][0](value), _LISTS[name][1]
        value = tuple(value) if isinstance(value, list) else value
    else:
        fits, wanted = isinstance(value, bool), "true or false"
    if not fits:
        raise TaskError(f"{file}: {name} = {value!r}.", f"Give {name} as {wanted}.")
    return value


def _rising(value: object) -> bool:
    """Tell whether `value` is a list of rising positive integers."""
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        return False
    return all(one < other for one, other in zip([0, *value], value, strict=False))


def _hashes(value: object) -> bool:
    """Tell whether `value` is a list of different SHA-256 hashes."""
    if not isinstance(value, list) or len({*map(str, value)}) < len(value):
        return False
    return all(isinstance(item, str) and _SHA256.fullmatch(item) for item in value)


def _one_hash(value: object) -> bool:
    """Tell whether `value` is a list of one SHA-256 hash."""
    return _hashes(value) and isinstance(value, list) and len(value) == 1


def _fields_to_fit(value: object) -> bool:
    """Tell whether `value` is a list of fields that can be set by the schedule, each once."""
    if not isinstance(value, list) or not all(name in FITTED for name in value):
        return False
    return len(set(value)) == len(value)


_SHA256 = re.compile("[0-9a-f]{64}")
_LISTS: dict[str, tuple[Callable[[object], bool], str]] = {
    "milestones": (_rising, "rising epochs, e.g. [200, 300, 350]"),
    "by_schedule": (_fields_to_fit, f"a list of fields among {', '.join(FITTED)}"),
    "teacher": (_hashes, "the SHA-256 hashes of weights files, each once"),
    "start": (_one_hash, "the SHA-256 hash of one weights file, in a list"),
}


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
