"""Parts of a study's specification: its images, its fixed networks, and how it is confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from nas.space import Architecture, Published, SearchSpace, Shape, Strides
from nas.study.trial import Trial

UNCHECKED = "{} does not record its images: it is unknown whether they are the same."


@dataclass(frozen=True)
class DataIdentity:
    """The images of a task and their number in each split.

    `digest` depends on the encoded images, their labels and their order, but not on paths or file
    names. `classes` is the number of classes; 0 for a task other than classification, and in
    records of versions that did not store it.
    """

    digest: str
    train: int
    val: int
    test: int
    classes: int = field(default=0, compare=False)

    @property
    def counts(self) -> str:
        """The sizes of the splits."""
        return f"{self.train:,} train / {self.val:,} validation / {self.test:,} test images"

    @property
    def text(self) -> str:
        """The sizes of the splits and the beginning of the digest."""
        return f"{self.counts}, digest {self.digest[:12]}"

    def change(self, now: "DataIdentity") -> str:
        """Describe how the images differ from `now`; empty if they do not differ."""
        if self == now:
            return ""
        if self.counts != now.counts:
            return f"{self.counts} then, {now.counts} now"
        return "the same number, but other images, labels or order"

    def as_json(self) -> dict[str, Any]:
        """Return the identity as plain values for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "DataIdentity | None":
        """Return the identity from `as_json`; None for anything else, as in older records."""
        try:
            return cls(**value)
        except TypeError:
            return None


@dataclass(frozen=True)
class Learnt:
    """A sampler sees `trainings` of the `of` comparable trainings of `study`."""

    study: str
    trainings: int
    of: int


def recipe_title(recipe: str) -> str:
    """Return the name of a recipe: the first line of its text, without the comment sign."""
    return recipe.partition("\n")[0].removeprefix("# ")


@dataclass(frozen=True)
class RealTraining:
    """The full training after a short schedule: its `recipe` as text, and its `epochs`.

    `image_size` is the side of its images in pixels; None for the size of the task. Each confirmed
    network is trained with `seeds` seeds.
    """

    recipe: str
    epochs: int
    image_size: int | None
    seeds: int

    @property
    def recipe_name(self) -> str:
        """The name of the recipe."""
        return recipe_title(self.recipe)

    @classmethod
    def of(cls, fields: dict[str, Any] | None) -> "RealTraining | None":
        """Return the training from the fields of a JSON object, if there is one."""
        return None if fields is None else cls(**fields)


class NoSampler:
    """The sampler of a study without a search; it proposes nothing."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return None."""
        return None

    def expected_losses(self, history: Sequence[Trial]) -> Mapping[int, float]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class FixedNetwork:
    """One network: the choices `text` in the space called `space`.

    If `name` is a known network of that space with these choices, the network has the stem and
    head of the known one. `strides` and `task_strides` are those that the user states for it.
    `origin` is the `study#number` of the trial that it was taken from.
    """

    name: str
    space: str
    text: str
    strides: Strides = ()
    task_strides: Strides = ()
    origin: str | None = None

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "FixedNetwork":
        """Return the network from the fields of a JSON object."""
        pairs = {key: tuple(fields.get(key, ())) for key in ("strides", "task_strides")}
        return cls(**{**fields, **pairs})

    def entry(self, space: SearchSpace, deployment: Shape, classes: int) -> Published:
        """Return the network as an entry of `space`; a known network brings its stem and head."""
        known = space.known(self.name)
        if known is not None and known.architecture.text == self.text:
            return known
        architecture = space.recorded(self.text)
        return Published(self.name, self.name, architecture, {}, {}, space, deployment, classes)
