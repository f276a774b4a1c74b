"""What is sent to an open page: only what differs from what it has."""

from dataclasses import replace
from typing import Any

from dash import Patch, no_update

from nas.dashboards.updates import changed
from nas.figures import front_figure
from nas.results.point import PointGroup
from tests.figures.drawn_study import make_spec, make_trials
from tests.studies import study_view

SPEC = make_spec()
TRIALS = make_trials(SPEC)
WORSE = TRIALS[study_view(SPEC, TRIALS).group(PointGroup.DOMINATED)[0].number]
MANY = [*TRIALS, *(replace(WORSE, number=1000 + i) for i in range(2100))]


def operations(patch: Any) -> list[tuple[Any, ...]]:
    assert isinstance(patch, Patch)
    return [tuple(one["location"]) for one in patch.to_plotly_json()["operations"]]


def test_equal_parts_are_not_sent_again() -> None:
    first, digests = changed({"name": "a", "front": front_figure(study_view(SPEC, TRIALS))}, {})
    assert first["name"] == "a"
    assert first["front"]["data"]
    again = {"name": "a", "front": front_figure(study_view(SPEC, TRIALS))}
    assert changed(again, digests) == ({"name": no_update, "front": no_update}, digests)
    other, _ = changed({"name": "b"}, digests)
    assert other == {"name": "b"}


def test_a_new_point_is_sent_without_the_rest_of_a_cloud() -> None:
    view = study_view(SPEC, MANY)
    sent, digests = changed({"front": front_figure(view)}, {})
    clouds = [t for t in sent["front"]["data"] if t["type"] == "scattergl"]
    assert sum(len(cloud["customdata"]) for cloud in clouds) >= 2100
    assert all(isinstance(cloud["customdata"], list) for cloud in clouds)  # a click reads it
    more = [*MANY, replace(WORSE, number=3999)]
    update, _ = changed({"front": front_figure(study_view(SPEC, more))}, digests)
    traces = [location for location in operations(update["front"]) if location[0] == "data"]
    assert len(traces) == 1
