"""The samplers by name."""

from collections.abc import Sequence
from typing import Protocol, TypeGuard

from nas.errors import NasError
from nas.feasible import Feasible
from nas.registry import Registry
from nas.samplers.paired_variants import PairedVariantsSampler
from nas.space import PAIRED_PREFIX
from nas.study import Objective, Sampler


class SamplerMaker(Protocol):
    """The object of an entry point in `nas.samplers`: a class of samplers, or a function.

    If it has a true attribute `learns_from_others`, the histories of its samplers begin with the
    trainings of earlier studies (`Trial.borrowed`).
    """

    def __call__(self, feasible: Feasible, goals: Sequence[Objective], /) -> Sampler:
        """Return a sampler of the architectures in `feasible`, which searches for `goals`."""
        ...


def _is_maker(part: object) -> TypeGuard[SamplerMaker]:
    return callable(part)


SAMPLERS = Registry("nas.samplers", "sampler", _is_maker)


def learns_from_others(name: str) -> bool:
    """Tell whether the sampler called `name` learns from the trainings of earlier studies.

    Raises:
        NasError: there is no such sampler, or its package cannot be loaded.
    """
    if name.partition(":")[0] == PAIRED_PREFIX:
        return False
    make = SAMPLERS.load(name)
    return bool(getattr(getattr(make, "func", make), "learns_from_others", False))  # of a partial


def make_sampler(name: str, feasible: Feasible, goals: Sequence[Objective]) -> Sampler:
    """Return the sampler called `name`; `paired:CHOICE` varies one choice in pairs.

    Raises:
        NasError: there is no such sampler, or the package that adds it fails.
    """
    kind, _, words = name.partition(":")
    if kind == PAIRED_PREFIX and words:
        return PairedVariantsSampler(feasible, goals, words)
    make = SAMPLERS.load(name)
    with SAMPLERS.blaming(name):
        made = make(feasible, goals)
    if not isinstance(made, Sampler):
        raise NasError(
            f"the package of the sampler {name!r} returns {made!r}, which is not a sampler.",
            "Repair this package: docs/plugins.md describes samplers.",
        )
    return made
