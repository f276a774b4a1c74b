"""StudySpec: the definition of a study, stored with it as one value."""

import json
import re
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from nas.cost import Constraint, CostModel, LatencyTable
from nas.errors import TaskError
from nas.metrics import CLASSIFICATION, Metric, metric
from nas.space import (
    STRIDE_RULE,
    Adaptation,
    Architecture,
    Head,
    Layer,
    Published,
    SearchSpace,
    Shape,
    Stated,
    Strides,
    lower,
    outputs_text,
    parse_input,
    read_space,
)
from nas.study.judging import BY_ERROR, Judging
from nas.study.objectives import Objective, objective
from nas.study.rungs import Ladder
from nas.study.spec_parts import DataIdentity, FixedNetwork, Learnt, RealTraining
from nas.study.tasks import TASKS
from nas.study.trial import Trial
from nas.units import plural

UNCOUNTED = 1_000_000  # number of candidates of a study that is limited only by time
_TEXTS = {
    "space_text": "the space file was edited",
    "more_spaces": "the space file was edited",
    "latency": "another latency table",
    "stride_rule": "an earlier stride rule",
    "data": "other images",
    "networks": "other networks",
}


@dataclass(frozen=True)
class StudySpec:
    """The fixed definition of a study.

    Costs are counted at `input` with `classes` (the deployment); errors are measured on `task` with
    `recipe`, the text of the recipe file. `rungs` are epochs; the last is full fidelity.
    `reference_point` holds one loss for each objective, for the hypervolume. `limit` is the maximum
    number of training images. The user's own images are resized to `image_size` squared if given;
    with `skip_corrupt`, images that cannot be decoded are left out. `more_spaces` are (name, text)
    of further spaces in the search. `block` consecutive candidates are trained with the same seed.
    With `reuse`, the result of an equal training in another study replaces a new training. The best
    `confirm` candidates are trained with `seeds` seeds each, including the one of the search, and
    each reference with `reference_seeds`. With `proxies`, workers compute training-free scores of
    every network for the audit. `resolutions` are the image sides in pixels for training and
    validation in the epochs up to each rung except the last; without them all epochs use the task's
    own size, as the last rung always does. `latency` holds the latency tables as text, one for each
    space in order; empty if latency is not used. After `time_limit` seconds of searching, no
    further candidate is started; `num_trials` may then be `UNCOUNTED`. `strides` and `task_strides`
    are stated by the user for the deployment and for the images of the task; otherwise
    `stride_rule` applies (`nas.space.strides`). `task_input` is the image size at the beginning of
    the study, `data` identifies these images; both are None in studies of earlier versions.
    `metrics` are the names of the metrics of a split; the first one is reported. `judge` selects
    the losses by which trials are compared at a rung: the `inferred` final losses, or the `error`
    at the rung, as in studies of earlier versions. `learnt` lists the earlier studies from which
    the sampler has trainings (`nas.study.borrowing`).

    A study with `networks` has no search: it trains the first `num_trials` of them, and the others
    as references, each with the seeds `first_seed`, `first_seed` + 1, … (`nas train`). `teachers`
    are the trials, as STUDY#N, whose weights the recipe names: the networks are taught by them.
    With `teach`, the confirmed networks of a search are taught at its end, in a further study. With
    `real`, they and the references are confirmed by that training instead of further seeds.
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
    metrics: tuple[str, ...] = CLASSIFICATION
    networks: tuple[FixedNetwork, ...] = ()
    first_seed: int = 0
    teachers: tuple[str, ...] = ()
    teach: bool = False
    real: RealTraining | None = None
    judge: str = BY_ERROR
    learnt: tuple[Learnt, ...] = ()

    @cached_property
    def spaces(self) -> dict[str, SearchSpace]:
        """The spaces by name, read from the stored texts."""
        texts = ((self.space_name, self.space_text), *self.more_spaces)
        spaces = [read_space(text, f"{name}.toml") for name, text in texts]
        return {space.name: space for space in spaces}

    @property
    def space(self) -> SearchSpace:
        """The first space; most studies have only one."""
        return next(iter(self.spaces.values()))

    @cached_property
    def latency_tables(self) -> dict[str, LatencyTable]:
        """The latency tables by the name of their space; empty if latency is not used."""
        tables = map(LatencyTable.from_json, self.latency)
        return {name: table for name, table in zip(self.spaces, tables, strict=False)}

    def cost_models(self) -> dict[str, CostModel]:
        """Return the cost model of each space at the deployment, by the name of the space."""
        return {
            name: CostModel(
                space,
                self.deployment,
                self.classes,
                self.latency_tables.get(name),
                self.deployed(space).strides,
                self.head,
            )
            for name, space in self.spaces.items()
        }

    @property
    def stated_strides(self) -> Stated:
        """The strides that the user states, and the rule for those not stated."""
        return Stated(self.strides, self.task_strides, self.stride_rule)

    def deployed(self, space: SearchSpace) -> Adaptation:
        """Return the strides of the networks of `space` at the deployment."""
        return self.stated(space).deployed(space, self.deployment)

    def trained(self, space: SearchSpace, images: Shape) -> Adaptation:
        """Return the strides of the networks of `space` on the `images` of the task."""
        return self.stated(space).trained(space, self.deployment, images)

    def stated(self, space: SearchSpace) -> Stated:
        """Return the strides that the user states for the networks of `space`."""
        for network in self.networks:
            if network.space == space.name:
                return Stated(network.strides, network.task_strides, self.stride_rule)
        return self.stated_strides

    def deployed_layers(self, architecture: Architecture) -> list[Layer]:
        """Return the layers of `architecture` at the deployment."""
        space = self.space_of(architecture)
        at = self.deployed(space)
        return lower(space, architecture, at.input, self.classes, at.strides, self.head)

    def task_layers(self, architecture: Architecture, images: Shape, outputs: int) -> list[Layer]:
        """Return the layers of `architecture` on the `images` and for the `outputs` of the task."""
        space = self.space_of(architecture)
        at = self.trained(space, images)
        return lower(space, architecture, images, outputs, at.strides, self.head)

    def space_of(self, architecture: Architecture) -> SearchSpace:
        """Return the space that `architecture` belongs to, with its own stem and head."""
        entry = self._fixed(architecture)
        return entry.space if entry else self.spaces[architecture.space]

    @cached_property
    def fixed(self) -> tuple[Published, ...]:
        """The `networks` of a study without a search, as entries of their spaces."""
        return tuple(
            network.entry(self.spaces[network.space], self.deployment, self.classes)
            for network in self.networks
        )

    def network_name(self, trial: Trial) -> str:
        """Return the name of the network of a trial of this study."""
        entry = self._fixed(trial.architecture)
        return entry.name if entry else trial.reference or f"{self.name}-trial-{trial.number}"

    def _fixed(self, architecture: Architecture) -> Published | None:
        return next((entry for entry in self.fixed if entry.architecture == architecture), None)

    @cached_property
    def references(self) -> tuple[Published, ...]:
        """The networks to train as references; each name occurs once."""
        if self.networks:
            return self.fixed[self.num_trials :]
        entries = [entry for space in self.spaces.values() for entry in space.published]
        named = {entry.name: entry for entry in reversed(entries)}
        return tuple(reversed(named.values())) if self.published else ()

    @cached_property
    def ladder(self) -> Ladder:
        """The rungs with their reduction factor and their resolutions."""
        return Ladder(self.rungs, self.eta, self.resolutions)

    @cached_property
    def judging(self) -> Judging:
        """The rule by which trials are stopped at the rungs."""
        ceiling = self.budget[0] if self.budget else None
        return Judging(self.ladder, self.goals, ceiling, self.judge)

    @property
    def counted(self) -> bool:
        """Whether the maximum number of candidates is known from the start."""
        return self.num_trials < UNCOUNTED

    @property
    def deployment(self) -> Shape:
        """The input size at which costs are counted."""
        return parse_input(self.input)

    @cached_property
    def goals(self) -> tuple[Objective, ...]:
        """The objectives with their directions."""
        return tuple(objective(name) for name in self.objectives)

    @cached_property
    def reported(self) -> Metric:
        """The metric by which a network is reported: the first that its task measures.

        Its label says if the networks are taught, because their figures are not comparable with
        those of networks trained from scratch.
        """
        first = metric(self.metrics[0])
        if not self.teachers:
            return first
        return replace(first, label=f"taught {first.label}", short=f"taught {first.short}")

    @property
    def epoch_images(self) -> int:
        """The number of training images of an epoch; 0 if it is a pass over all of them."""
        found = re.search(r"^epoch_images = (\d+)$", self.recipe, re.MULTILINE)
        images = int(found[1]) if found else 0
        return 0 if self.data is not None and images >= self.data.train else images

    @property
    def recipe_from_scratch(self) -> str:
        """The text of the recipe without its teachers."""
        lines = self.recipe.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("teacher"))

    @cached_property
    def head(self) -> Head | None:
        """The head of the networks; None: a classifier.

        Raises:
            TaskError: the package that adds the task is not installed.
        """
        return TASKS.load(self.task).head

    @property
    def outputs(self) -> str:
        """The outputs of the networks at the deployment, as text."""
        try:
            head = self.head
        except TaskError:
            return plural(self.classes, "output")
        return outputs_text(head, self.classes)

    @property
    def box(self) -> float:
        """The volume between the best possible objectives and the reference point."""
        pairs = zip(self.goals, self.reference_point, strict=True)
        return prod(worst - goal.ideal for goal, worst in pairs)

    def to_json(self) -> str:
        """Return the specification as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "StudySpec":
        """Return the specification of a text from `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        fields["budget"] = tuple(Constraint(**part) for part in fields["budget"])
        fields["more_spaces"] = tuple(tuple(part) for part in fields.get("more_spaces", ()))
        fields["resolutions"] = tuple(fields.get("resolutions", ()))
        fields["stride_rule"] = fields.get("stride_rule", 1)
        fields["metrics"] = tuple(fields.get("metrics", CLASSIFICATION))
        for key in ("rungs", "objectives", "reference_point"):
            fields[key] = tuple(fields[key])
        for key in ("strides", "task_strides"):
            fields[key] = tuple(fields.get(key, ()))
        for key in ("latency", "teachers"):
            fields[key] = tuple(fields.get(key, ()))
        fields["data"] = DataIdentity.from_json(fields.get("data"))
        fields["real"] = RealTraining.of(fields.get("real"))
        fields["networks"] = tuple(map(FixedNetwork.of, fields.get("networks", ())))
        fields["learnt"] = tuple(Learnt(**part) for part in fields.get("learnt", ()))
        return cls(**fields)

    def differences(self, other: "StudySpec") -> list[str]:
        """Return the settings that differ from `other`, as `name: ours, not theirs`."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"{key}: {mine[key]!r}, not {theirs[key]!r}"
            if key not in _TEXTS
            else f"{key}: {_TEXTS[key]}"
            for key in mine
            if mine[key] != theirs[key]
            and (key != "data" or (self.data and other.data))
            and key != "learnt"  # not a setting: it depends on the other studies of the database
        ]
