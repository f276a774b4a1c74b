"""Recipe: how a network is trained, as data.

One schedule covers the full fidelity, the last rung. Earlier rungs are prefixes of it: a network
stopped at epoch 3 of 9 was trained as its first three epochs, with the learning rate still high,
so that a trial which goes on never starts anew and all trials of one rung are comparable.

The optimiser is SGD with Nesterov momentum; weight decay spares batch norms and biases.
"""

import math
import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nas.errors import TaskError

Schedule: TypeAlias = Literal["cosine", "triangular"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "triangular")


@dataclass(frozen=True)
class Recipe:
    """The settings of training.

    `epochs` is full fidelity unless the user asks for another; `lr` is the peak, reached linearly
    after `warmup_epochs`, and falls to 0 at the end by a half cosine or linearly (`triangular`).
    `label_smoothing` is the share of a target spread over all classes; `bn_momentum` is the weight
    of a new batch in the running statistics, and `bn_batches` the number of training batches over
    which they are measured anew before validation, 0 for never; `augment` allows what the task
    permits.
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

    def lr_at(self, epochs: float, max_epochs: int) -> float:
        """Return the learning rate after `epochs`, a fraction included, of `max_epochs`."""
        warmup = min(self.warmup_epochs, max_epochs / 2)
        if epochs < warmup:
            return self.lr * epochs / warmup
        left = max(0.0, (max_epochs - epochs) / (max_epochs - warmup))
        if self.schedule == "cosine":
            return self.lr * (1 - math.cos(math.pi * left)) / 2
        return self.lr * left

    @property
    def text(self) -> str:
        """The TOML text that `read_recipe` turns back into this recipe."""
        return "".join(f"{field.name} = {_show(getattr(self, field.name))}\n" for field in _FIELDS)


_FIELDS = fields(Recipe)
# field: (its type in a file, its least and its greatest value)
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
}


def builtin_recipes() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    files = (resources.files("nas.train") / "recipes").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Return the built-in recipe of that name, or the one in that TOML file.

    Raises:
        TaskError: there is no such recipe, or its file is malformed.
    """
    if name_or_path in builtin_recipes():
        file = resources.files("nas.train") / "recipes" / f"{name_or_path}.toml"
        return read_recipe(file.read_text(encoding="utf-8"), f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        raise TaskError(
            f"there is no recipe {name_or_path!r}.",
            f"Write one of {', '.join(builtin_recipes())}, or the path of a .toml file.",
        )
    try:
        return read_recipe(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read: {error}.", "Give a UTF-8 text file.") from error


def read_recipe(text: str, file: str) -> Recipe:
    """Return the recipe written in `text`; `file` names it in messages.

    Raises:
        TaskError: the text is no TOML, or a field is unknown, missing or out of range.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{file} is not valid TOML: {error}.", "Mend that line.") from error
    names = [field.name for field in _FIELDS]
    unknown = [key for key in document if key not in names]
    if unknown:
        raise TaskError(f"{file}: unknown field {unknown[0]!r}.", f"Use {', '.join(names)}.")
    missing = [name for name in names if name not in document]
    if missing:
        raise TaskError(f"{file}: {missing[0]} is missing.", f"Give all of {', '.join(names)}.")
    return Recipe(**{name: _value(name, document[name], file) for name in names})


def _value(name: str, value: object, file: str) -> Any:
    if name == "augment":
        fits, wanted = isinstance(value, bool), "true or false"
    elif name == "schedule":
        fits, wanted = value in SCHEDULES, f"one of {', '.join(SCHEDULES)}"
    else:
        kind, least, most = _RANGES[name]
        numbers = int if kind is int else (int, float)
        number = isinstance(value, numbers) and not isinstance(value, bool)
        fits = number and least <= value <= most  # type: ignore[operator]
        article = "an integer" if kind is int else "a number"
        wanted = f"{article} from {least:g} to {most:g}"
        value = kind(value) if fits else value
    if not fits:
        raise TaskError(f"{file}: {name} = {value!r}.", f"Give {name} as {wanted}.")
    return value


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)
