"""Which weights a study keeps after its end."""

from enum import StrEnum


class Keep(StrEnum):
    """Whose weights a search keeps: those of its `FRONT` and of what others use, or `ALL`.

    `FRONT` has the trials that no other dominates, the confirmed ones with all their seeds, the
    winner, the published references, and the best ones, which may teach other networks. A study
    that searches nothing keeps all.
    """

    FRONT = "front"
    ALL = "all"
