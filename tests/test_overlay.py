"""Several studies in one plane: what may be drawn together, bands of seeds, and filters."""

from dataclasses import replace

import numpy as np
import pytest

from nas.results import PointGroup, Selection, StudyView, narrowed, overlay, overlay_problem
from nas.study import FixedNetwork, StudySpec
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.studies import study_view

SPEC = make_spec()
VIEW = make_view(SPEC)


def seeds(count: int) -> list[tuple[StudySpec, StudyView]]:
    specs = [make_spec(name=f"seed-{seed}", seed=seed) for seed in range(count)]
    return [(spec, study_view(spec, make_trials(spec, seed=spec.seed))) for spec in specs]


def front(view: StudyView) -> set[tuple[float, float]]:
    return {(point.x, point.y) for point in view.group(PointGroup.FRONT)}


def pairs(corners: np.ndarray) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for x, y in corners}


def test_the_best_edge_of_two_seeds_is_their_common_front() -> None:
    studies = seeds(2)
    (band,) = overlay(studies).bands
    assert band.studies == ("seed-0", "seed-1")
    both = [point for _, view in studies for point in front(view)]
    free = {
        one for one in both if not any(o[0] <= one[0] and o[1] <= one[1] and o != one for o in both)
    }
    assert pairs(band.best) == free
    for x, y in pairs(band.worst):  # both seeds attain it, and neither of them by less
        assert all(any(a <= x and b <= y for a, b in front(view)) for _, view in studies)
    assert "best to the worst of 2 seeds" in band.edges


def test_quartiles_are_the_edges_from_four_seeds_on() -> None:
    assert "a quarter to three quarters of 4 seeds" in overlay(seeds(4)).bands[0].edges


@pytest.mark.parametrize("change", [{"sampler": "random"}, {"num_trials": 77}, {"eta": 4}])
def test_studies_with_other_settings_are_no_seeds_of_one_search(change: dict[str, object]) -> None:
    other = replace(SPEC, name="other", seed=9, **change)  # type: ignore[arg-type]
    assert overlay([(SPEC, VIEW), (other, VIEW)]).bands == ()
    assert overlay_problem(SPEC, other) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "cifar10"}, "another task (cifar10, not digits)"),
        ({"metrics": ("loss",)}, "other metrics"),
        ({"input": "3x32x32"}, "costs at another input"),
        ({"networks": (FixedNetwork("a", "igcv3", ""),)}, "a training"),
    ],
)
def test_results_that_mean_something_else_are_not_drawn_together(
    change: dict[str, object], words: str
) -> None:
    other = replace(SPEC, name="other", **change)  # type: ignore[arg-type]
    assert words in str(overlay_problem(SPEC, other))


def test_the_top_keeps_the_best_complete_candidates_and_the_published() -> None:
    kept = narrowed(VIEW, Selection(top=30.0))
    complete = sorted(VIEW.columns.y[VIEW.complete])
    wanted = complete[: -(-len(complete) * 30 // 100)]
    assert sorted(kept.columns.y[kept.complete]) == wanted
    assert 0 < len(wanted) < len(complete)
    assert {point.group for point in kept.points} <= {
        PointGroup.FRONT, PointGroup.DOMINATED, PointGroup.UNCONFIRMED, PointGroup.PUBLISHED,
    }  # fmt: skip
    assert kept.best == VIEW.best
    assert kept.points.left_out == len(VIEW.points) - len(kept.points)


def test_a_box_keeps_the_trials_inside_with_all_that_is_known_of_them() -> None:
    inside = VIEW.group(PointGroup.FRONT)[0]
    box = (inside.x, inside.x, inside.y, inside.y)
    kept = narrowed(VIEW, Selection(box=box))
    assert list(kept.points) == [inside]
    assert list(narrowed(kept, Selection(hidden=frozenset({PointGroup.FRONT}))).points) == []
    assert narrowed(VIEW, Selection()) is VIEW
