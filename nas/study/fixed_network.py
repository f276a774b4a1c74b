"""Fixed networks: the networks of a study that trains them without a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.space import Architecture, Published, SearchSpace, Shape, Strides
from nas.study.trial import Trial


class NoSampler:
    """The sampler of a study without a search; it proposes nothing."""

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        """Return None."""
        return None

    def believe(self, history: Sequence[Trial]) -> Mapping[int, float]:
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
