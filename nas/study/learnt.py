"""Learnt: from which earlier study a sampler has how many trainings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Learnt:
    """The number of `trainings` of `study` that a sampler sees, `of` all that are comparable."""

    study: str
    trainings: int
    of: int
