"""Which weights a study keeps after its end."""

from enum import StrEnum


class Keep(StrEnum):
    """The trials whose weights a search keeps: those of the `FRONT`, or `ALL`.

    `FRONT` keeps the trials that no other dominates, the confirmed ones with all their seeds, the
    winner, the published references, and the best ones, which may teach other networks. Weights
    that other studies use are kept too. A study without a search keeps all weights.
    """

    FRONT = "front"
    ALL = "all"
