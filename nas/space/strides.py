"""Strides of a network at one input size.

If the shorter side of the input has 96 pixels or more, a network has the strides that its space
states; also at smaller inputs from the deployment input of the space on. On smaller images it has
fewer strides: with H the shorter side in pixels, k = floor(log2(H / 7)) strides remain, at least 2.
The others become 1 in the order that the space lists; a stride that is not listed remains. Of the
five strides for 224 pixels, two remain at 32 pixels, as in the authors' CIFAR network (strides
1,1,2,2,1,1,1; cvtower/SeesawNet_pytorch, `baseline_version`). Strides that the user states are used
unchanged.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nas.errors import NasError
from nas.space.layers import Shape
from nas.space.search_space import SearchSpace

Strides = tuple[int, ...]  # stem, pooling if the space has one, stages

STRIDE_RULE = 2  # rule 1 removed strides at every input below the deployment input
_WHOLE_FROM = 96
_FINAL_MAP = 7
_MIN_STRIDES = 2


@dataclass(frozen=True)
class Adaptation:
    """The strides at one input: `stem`, `pool` (None if the space has none), and the stages."""

    input: Shape
    stem: int
    stages: Strides
    pool: int | None = None

    @property
    def strides(self) -> Strides:
        """All strides, in the order of `--strides`."""
        return (self.stem, *(() if self.pool is None else (self.pool,)), *self.stages)

    @property
    def text(self) -> str:
        """All strides, in the form of `--strides`."""
        return ",".join(map(str, self.strides))

    @property
    def total(self) -> int:
        """The product of all strides."""
        return math.prod(self.strides)

    @property
    def brief(self) -> str:
        """The input and its strides as a short text, in the order of `--strides`."""
        return f"{self.input}: strides {self.text} ({self._places})"

    def describe(self) -> str:
        """Return `brief` with the size of the final map, on one line."""
        height, width = (-(-side // self.total) for side in self.input[1:])
        return (
            f"input {self.input}: strides {self.text} ({self._places}; 1/{self.total} of the "
            f"input, final map {height}x{width})"
        )

    @property
    def _places(self) -> str:
        return "stem, stages" if self.pool is None else "stem, pool, stages"


@dataclass(frozen=True)
class Stated:
    """The strides that a user states for the `deployment` and the `task`; empty if not stated.

    Strides that are not stated follow version `rule` of the rule, which is stored with a study, so
    that its networks do not change.
    """

    deployment: Strides = ()
    task: Strides = ()
    rule: int = STRIDE_RULE

    def deployed(self, space: SearchSpace, deployment: Shape) -> Adaptation:
        """Return the strides at the deployment."""
        return adapt(space, deployment, self.deployment, self.rule)

    def trained(self, space: SearchSpace, deployment: Shape, images: Shape) -> Adaptation:
        """Return the strides on the `images` of a task.

        These are the strides stated for the task; otherwise the strides stated for the deployment,
        if the images are large enough for all strides or at least as large as the deployment input;
        otherwise the strides by the rule.
        """
        least = min(whole_from(space, self.rule), min(deployment[1:]))
        stated = self.deployment if min(images[1:]) >= least else ()
        return adapt(space, images, self.task or stated, self.rule)


def adapt(
    space: SearchSpace, input_shape: Shape, stated: Strides = (), rule: int = STRIDE_RULE
) -> Adaptation:
    """Return the strides of the networks of `space` at an input: as stated, or by the rule.

    Raises:
        NasError: `stated` has the wrong length, or gives a stride to a stage that may be absent.
    """
    strides = check_strides(space, stated) if stated else _by_rule(space, input_shape, rule)
    stem, *rest = strides
    pool = rest.pop(0) if space.stem_pool else None
    return Adaptation(input_shape, stem, tuple(rest), pool)


def whole_from(space: SearchSpace, rule: int = STRIDE_RULE) -> int:
    """Return the shorter side in pixels from which networks have all strides of `space`."""
    deployment = min(space.deployment[1:])
    return deployment if rule == 1 else min(deployment, _WHOLE_FROM)


def read_strides(text: str, option: str = "--strides") -> Strides:
    """Read strides that a user states, such as 2,1,2,2,2,1,2,1.

    Raises:
        NasError: a stride is not 1 or 2.
    """
    parts = [part.strip() for part in text.split(",")]
    wrong = next((part for part in parts if part not in ("1", "2")), None)
    if wrong is not None:
        raise NasError(
            f"{option} {text!r}: {wrong!r} is not a stride.",
            "Write 1 or 2 for the stem and each stage, with commas: 2,1,2,2,2,1,2,1",
        )
    return tuple(map(int, parts))


def check_strides(space: SearchSpace, strides: Strides, option: str = "--strides") -> Strides:
    """Return `strides` after a check that they are valid for `space`.

    Raises:
        NasError: there are too many or too few, or a stage with minimum depth 0 has a stride.
    """
    own = _own(space)
    text, usual = (",".join(map(str, each)) for each in (strides, own.values()))
    if len(strides) != len(own):
        raise NasError(
            f"{option} {text} has {len(strides)} numbers, but {space.name} has {len(own)} "
            f"strides: {', '.join(own)}.",
            f"Edit the strides of the space: {option} {usual}",
        )
    for stage, stride in zip(space.stages, strides[-len(space.stages) :], strict=True):
        if stride > 1 and 0 in stage.values("depth"):
            raise NasError(
                f"{option} {text} gives {stage.name} of {space.name} the stride {stride}, but "
                "this stage can have depth 0, which would lose the stride.",
                f"Give {stage.name} the stride 1; the space states {option} {usual}",
            )
    return strides


def given_strides(
    spaces: Iterable[SearchSpace], text: str | None, option: str = "--strides"
) -> Strides:
    """Return the strides in `text`, checked for each of `spaces`; empty if `text` is None.

    Raises:
        NasError: they cannot be read, or are invalid for one of the spaces.
    """
    if text is None:
        return ()
    strides = read_strides(text, option)
    for space in spaces:
        check_strides(space, strides, option)
    return strides


def _own(space: SearchSpace) -> dict[str, int]:
    """Return the strides that a space states, by the name of the stem, pooling or stage."""
    pool = {"pool": 2} if space.stem_pool else {}
    stages = {stage.name: stage.stride for stage in space.stages}
    return {"stem": space.stem_stride, **pool, **stages}


def _by_rule(space: SearchSpace, input_shape: Shape, rule: int) -> Strides:
    strides, side = _own(space), min(input_shape[1:])
    if side < whole_from(space, rule):
        strided = sum(stride > 1 for stride in strides.values())
        kept = max(_MIN_STRIDES, int(math.log2(max(side, _FINAL_MAP) / _FINAL_MAP)))
        for name in space.drop_strides[: max(0, strided - kept)]:
            strides[name] = 1
    return tuple(strides.values())
