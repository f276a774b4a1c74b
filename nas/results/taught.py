"""The two errors of a network that was trained from scratch and, with the same settings, taught.

The error of a taught network is never compared with one from scratch: a search, its front and its
verdicts use only networks that were trained from scratch. If both errors of a network are known,
every output shows both, by `Figures`. Each study holds its own errors; those of the other study are
in a report of the trial, of kind `SCRATCH` in a study with teachers, otherwise `TAUGHT`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.metrics import metric
from nas.results.estimate import Estimate
from nas.results.findings import StudyResults
from nas.study import recipe_title
from nas.units import plural

SCRATCH, TAUGHT = "scratch", "taught"


@dataclass(frozen=True, slots=True)
class Figures:
    """The results of one network on a split: trained from `scratch`, if known, and `taught`.

    `teachers` are the names of the trials that taught it, and `source` is their study, as text.
    """

    scratch: Estimate | None
    taught: Estimate
    teachers: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        """Return both: `from scratch 5.10 % ± 0.12 (3 seeds); taught by 5 networks of … %`."""
        first = f"from scratch {self.scratch}; " if self.scratch else ""
        networks = plural(len(self.teachers), "network")
        return f"{first}taught by {networks} of {self.source} {self.taught}"


def figures(found: StudyResults, number: int, split: str = "validation") -> Figures | None:
    """Return both errors of a network on `split`, validation or test; None if it is not taught."""
    own = found.test(number) if split == "test" else found.estimate(number)
    kind = SCRATCH if found.spec.teachers else TAUGHT
    report = found.reports.get(number, {}).get(kind, {})
    other = reported_estimate(found, report, split)
    if found.spec.teachers:
        teachers = found.spec.teachers
        return Figures(other, own, teachers, _source(teachers)) if own else None
    teachers = tuple(report.get("teachers", ()))
    return Figures(own, other, teachers, _source(teachers, found.spec.name)) if other else None


def taught_networks(found: StudyResults) -> list[int]:
    """Return the numbers of the complete networks that can have both errors."""
    if found.spec.teachers:
        return list(found.trainings)
    reported = (number for number, kinds in found.reports.items() if TAUGHT in kinds)
    return [number for number in sorted(reported) if found.own(number)]


def both_figures(found: StudyResults, number: int) -> dict[str, Figures]:
    """Return both errors of a network by split, validation and test; empty if it is not taught."""
    splits = ("validation", "test")
    return {split: own for split in splits if (own := figures(found, number, split))}


def figures_text(found: StudyResults, number: int) -> str:
    """Return both errors of a network on each split as text; empty if it is not taught."""
    short = metric(found.spec.metrics[0]).short
    both = both_figures(found, number)
    return "; ".join(f"{split} {short} {own}" for split, own in both.items())


def counterpart(found: StudyResults, number: int) -> dict[str, Any]:
    """Return the errors of a complete network for the report in the other study."""
    name, test = found.metric.name, found.test(number)
    return {
        "study": found.spec.name,
        "trial": number,
        "teachers": list(found.spec.teachers),
        "recipe": recipe_title(found.spec.recipe),
        "epochs": found.spec.ladder.max_epochs,
        "input": found.spec.task_input,
        "validation": [trial.value(name) for trial in found.trainings[number]],
        "test": found.test_values(number),
        "images": test.images if test else None,
    }


def reported_estimate(
    found: StudyResults, report: Mapping[str, Any], split: str
) -> Estimate | None:
    """Return the error on `split` in a report that `counterpart` made; None if it has none."""
    values = report.get(split)
    if not values:
        return None
    images = report.get("images") if split == "test" else None
    return Estimate.of(metric(found.spec.metrics[0]), values, split, images)


def _source(teachers: Sequence[str], own: str | None = None) -> str:
    """Return the source of teachers as text: the study `own`, another one, or several studies."""
    studies = dict.fromkeys(teacher.rpartition("#")[0] for teacher in teachers)
    if len(studies) > 1:
        return f"{len(studies)} studies"
    name = next(iter(studies), "")
    return "the study" if name == own else name
