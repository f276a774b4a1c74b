"""StudySpec: everything that defines a study, as one value that is stored with it."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from nas.cost import Constraint, CostModel, LatencyTable
from nas.space import (
    STRIDE_RULE,
    Adaptation,
    Architecture,
    Layer,
    Published,
    SearchSpace,
    Shape,
    Stated,
    Strides,
    lower,
    parse_input,
    read_space,
)
from nas.study.data_identity import DataIdentity
from nas.study.objectives import Objective, objective
from nas.study.rungs import Ladder

UNCOUNTED = 1_000_000  # candidates of a study that only its time ends
_TEXTS = {
    "space_text": "the space file was edited",
    "more_spaces": "the space file was edited",
    "latency": "another latency table",
    "stride_rule": "an earlier rule of strides",
    "data": "other images",
}


@dataclass(frozen=True)
class StudySpec:
    """The fixed definition of a study.

    Costs are counted at `input` with `classes` (the deployment); errors are measured on `task` with
    `recipe`, whose settings are kept as text. `rungs` are epochs, the last one is full fidelity.
    `reference_point` holds one loss for each objective, for the hypervolume. `limit` caps the
    training images. Images of one's own are trained on at `image_size` squared where it is given,
    and those that cannot be decoded are left out with `skip_corrupt`. `more_spaces` are (name,
    text) of spaces that are searched beside the first. So many candidates in a row as `block` says
    are trained from the same seed. With `reuse` the result of the same training in another study
    takes the place of a new one. The best `confirm` candidates are trained under `seeds` seeds
    each, that of the search included, and each reference under `reference_seeds`. With `proxies`
    the workers compute training-free scores of every network, for the audit and the sampler.
    `resolutions` are the sides in pixels at which the epochs up to each rung but the last are
    trained and judged; without them all epochs are at the task's own size, as those after them are.
    `latency` holds the tables by which latency is counted, as text, one for each space in their
    order; none where no latency is asked for. After `time_limit` seconds of searching no further
    candidate is begun; `num_trials` may be `UNCOUNTED` then. `strides` and `task_strides` are those
    that the user states for the deployment and for the images of the task, `stride_rule` decides
    where nothing is stated (`nas.space.strides`). `task_input` is the size of the images that the
    study began with; None in studies of earlier versions. `data` says which images the study was
    begun with; None in such studies.
    """

    name: str
    space_name: str
    space_text: str
    budget: tuple[Constraint, ...]
    input: str
    classes: int
    task: str
    data_dir: str | None
    recipe: str
    rungs: tuple[int, ...]
    eta: int
    objectives: tuple[str, ...]
    reference_point: tuple[float, ...]
    sampler: str
    num_trials: int
    published: bool
    seed: int
    limit: int | None = None
    more_spaces: tuple[tuple[str, str], ...] = ()
    block: int = 1
    reuse: bool = False
    confirm: int = 0
    seeds: int = 1
    proxies: bool = False
    image_size: int | None = None
    skip_corrupt: bool = False
    resolutions: tuple[int, ...] = ()
    latency: tuple[str, ...] = ()
    time_limit: float | None = None
    strides: Strides = ()
    task_strides: Strides = ()
    stride_rule: int = STRIDE_RULE
    task_input: str | None = None
    reference_seeds: int = 1
    data: DataIdentity | None = None

    @cached_property
    def spaces(self) -> dict[str, SearchSpace]:
        """The spaces by the name that their architectures carry, read from the stored texts."""
        texts = ((self.space_name, self.space_text), *self.more_spaces)
        spaces = [read_space(text, f"{name}.toml") for name, text in texts]
        return {space.name: space for space in spaces}

    @property
    def space(self) -> SearchSpace:
        """The first space, which is the only one of most studies."""
        return next(iter(self.spaces.values()))

    @cached_property
    def latency_tables(self) -> dict[str, LatencyTable]:
        """The latency tables by the name of their space; none where no latency is asked for."""
        tables = map(LatencyTable.from_json, self.latency)
        return {name: table for name, table in zip(self.spaces, tables, strict=False)}

    def cost_models(self) -> dict[str, CostModel]:
        """Return what counts the architectures of each space, by its name, at the deployment."""
        return {
            name: CostModel(
                space,
                self.deployment,
                self.classes,
                self.latency_tables.get(name),
                self.deployed(space).strides,
            )
            for name, space in self.spaces.items()
        }

    @property
    def stated_strides(self) -> Stated:
        """What the user states of strides, and the rule where nothing is stated."""
        return Stated(self.strides, self.task_strides, self.stride_rule)

    def deployed(self, space: SearchSpace) -> Adaptation:
        """Return the strides of the networks of `space` at the deployment."""
        return self.stated_strides.deployed(space, self.deployment)

    def trained(self, space: SearchSpace, images: Shape) -> Adaptation:
        """Return the strides of the networks of `space` on the `images` of the task."""
        return self.stated_strides.trained(space, self.deployment, images)

    def deployed_layers(self, architecture: Architecture) -> list[Layer]:
        """Return the layers of `architecture` at the deployment."""
        space = self.space_of(architecture)
        at = self.deployed(space)
        return lower(space, architecture, at.input, self.classes, at.strides)

    def task_layers(self, architecture: Architecture, images: Shape, classes: int) -> list[Layer]:
        """Return the layers of `architecture` on the `images` and `classes` of the task."""
        space = self.space_of(architecture)
        at = self.trained(space, images)
        return lower(space, architecture, images, classes, at.strides)

    def space_of(self, architecture: Architecture) -> SearchSpace:
        """Return the space that `architecture` belongs to."""
        return self.spaces[architecture.space]

    @cached_property
    def references(self) -> tuple[Published, ...]:
        """The published architectures that are trained beside the candidates, each name once."""
        entries = [entry for space in self.spaces.values() for entry in space.published]
        named = {entry.name: entry for entry in reversed(entries)}
        return tuple(reversed(named.values())) if self.published else ()

    @cached_property
    def ladder(self) -> Ladder:
        """The rungs with their reduction factor and their resolutions."""
        return Ladder(self.rungs, self.eta, self.resolutions)

    @property
    def counted(self) -> bool:
        """Whether it is known from the start how many candidates there will be, at most."""
        return self.num_trials < UNCOUNTED

    @property
    def deployment(self) -> Shape:
        """The input size at which costs are counted."""
        return parse_input(self.input)

    @property
    def goals(self) -> tuple[Objective, ...]:
        """The objectives with their directions."""
        return tuple(objective(name) for name in self.objectives)

    def to_json(self) -> str:
        """Return the specification as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "StudySpec":
        """Return the specification that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["budget"] = tuple(Constraint(**part) for part in fields["budget"])
        fields["more_spaces"] = tuple(tuple(part) for part in fields.get("more_spaces", ()))
        fields["resolutions"] = tuple(fields.get("resolutions", ()))
        fields["stride_rule"] = fields.get("stride_rule", 1)
        for key in ("rungs", "objectives", "reference_point"):
            fields[key] = tuple(fields[key])
        for key in ("strides", "task_strides"):
            fields[key] = tuple(fields.get(key, ()))
        fields["latency"] = tuple(fields.get("latency", ()))
        fields["data"] = DataIdentity.from_json(fields.get("data"))
        return cls(**fields)

    def differences(self, other: "StudySpec") -> list[str]:
        """Return the settings that differ from `other`, as `name: ours, not theirs`."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"{key}: {mine[key]!r}, not {theirs[key]!r}"
            if key not in _TEXTS
            else f"{key}: {_TEXTS[key]}"
            for key in mine
            if mine[key] != theirs[key] and (key != "data" or (self.data and other.data))
        ]
