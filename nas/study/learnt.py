"""Learnt: how many trainings a sampler has from an earlier study."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Learnt:
    """A sampler sees `trainings` of the `of` comparable trainings of `study`."""

    study: str
    trainings: int
    of: int
