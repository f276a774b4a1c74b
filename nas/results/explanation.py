"""Explanation: the effects of the choices of a search, its scores, and example pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.results.effects import Effects, study_effects
from nas.results.score_audit import ScoreAudit, study_audit
from nas.study import StudySpec, Trial


@dataclass(frozen=True)
class Explanation:
    """The effects of the choices, the audit of the scores, and the command that computes them.

    A training has neither.
    """

    effects: Effects | None = None
    audit: ScoreAudit | None = None
    compute: str = ""


def explain(spec: StudySpec, trials: Sequence[Trial], compute: str) -> Explanation:
    """Return the explanation of a study; `compute` is the command that computes missing scores."""
    if spec.networks:
        return Explanation()
    return Explanation(
        study_effects(spec, trials), study_audit(spec, trials, baselines=False), compute
    )


@dataclass(frozen=True)
class Picture:
    """A JPEG file that was drawn for the image `name`."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Pictures:
    """Some pictures, with a caption."""

    caption: str
    pictures: tuple[Picture, ...]
