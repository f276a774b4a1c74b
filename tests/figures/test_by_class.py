"""The metrics of each class: recorded with the last epoch, and shown in all places alike."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.dashboards.parts import detail
from nas.dashboards.reader import Reader
from nas.figures import PageTheme, headers, write_report
from nas.metrics import DETECTION
from nas.results import StudyResults, class_tables, trial_details
from nas.store import open_store
from nas.study import Measurement, StudySpec, Trial
from nas.workflows import StoredStudy
from tests.cli.runner import call_here
from tests.figures.stored import store_study
from tests.studies import complete_trial, small_spec, study_view

ALL = {"map": 0.3, "ap50": 0.6, "detection_loss": 2.5}


def spec() -> StudySpec:
    return small_spec(
        task="detection", metrics=DETECTION, objectives=("map", "madds"),
        reference_point=(0.0, 1000.0), published=False,
    )  # fmt: skip


def trainings() -> list[Trial]:
    """Return a network under two seeds; the second has no metric of dogs."""
    cats = {"cat <b>": {"ap50": 0.5, "map": 0.2}}
    first = Measurement(4, 2, ALL, 0.1, 1.0, {**cats, "dog": {"ap50": 0.7, "map": 0.4}})
    second = Measurement(
        4, 2, {**ALL, "map": 0.5}, 0.1, 1.0, {"cat <b>": {"map": 0.3, "ap50": 0.6}}
    )
    trial = replace(complete_trial(0, 0.0), measurements=(first,))
    return [trial, replace(trial, number=1, replicate_of=0, measurements=(second,))]


def on_test(number: int) -> dict[str, object]:
    classes = {"cat <b>": {"ap50": 0.5 + number / 10, "map": 0.2 + number / 10}}
    return {**ALL, "images": 10.0, "by_class": classes}


def test_classes_are_means_over_the_seeds(tmp_path: Path) -> None:
    reports = {number: {"test": on_test(number)} for number in (0, 1)}
    view = study_view(spec(), trainings(), reports)
    validation, test = view.by_class
    assert validation.title == "By class on the validation split, means over 2 seeds"
    assert validation.headers == ("class", "mAP", "AP50")
    assert validation.rows == (
        ("all", "40.0 %", "60.0 %"), ("cat <b>", "25.0 %", "55.0 %"), ("dog", "40.0 %", "70.0 %"),
    )  # fmt: skip
    assert test.rows[1:] == (("cat <b>", "25.0 %", "55.0 %"),)
    write_report(view, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The best: by class on the test split, means over 2 seeds" in page
    assert "<td>cat &lt;b&gt;</td>" in page
    assert ">25.0 %<" in page


def test_a_further_seed_has_its_own_figures() -> None:
    found = StudyResults(spec(), trainings(), {})
    (table,) = class_tables(found, found.trials[1])
    assert table.title == "By class on the validation split"
    assert table.rows == (("all", "50.0 %", "60.0 %"), ("cat <b>", "30.0 %", "60.0 %"))


def test_tasks_without_classes_have_no_table() -> None:
    found = StudyResults(small_spec(), [complete_trial(0, 0.5)], {})
    assert class_tables(found, found.trials[0]) == ()
    assert trial_details(found.trials[0], found)["by_class"] == {}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "nas.db"
    store_study(path, spec(), trainings()[:1])
    with open_store(str(path)) as store:
        store.record_report("study", 0, "test", on_test(0))
    return path


def test_the_store_keeps_them(database: Path) -> None:
    found, trial = StoredStudy("study", str(database)).read_trial(0)
    (measured,) = trainings()[0].measurements
    assert trial.final == measured
    assert trial_details(trial, found)["by_class"] == {
        "validation": [{"trial": 0, "all": ALL, "by_class": measured.by_class}],
        "test": [{"trial": 0, "all": on_test(0), "by_class": on_test(0)["by_class"]}],
    }  # fmt: skip


def test_the_screen_and_the_page_of_a_network_show_them(database: Path) -> None:
    shown = call_here(database.parent, "show", "study", "--trial", "0").out
    assert "By class on the validation split:" in shown
    assert "By class on the test split:" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("dog")] == [
        ["dog", "40.0", "%", "70.0", "%"]
    ]
    with open_store(str(database), read_only=True) as store:
        snapshot = Reader(store).snapshot("study")
        point = snapshot.view.points[0]
        page = str(detail(snapshot, point, "nas.db", PageTheme(), compared=False))
    for text in ("By class on the validation split", "cat <b>", "40.0 %", "70.0 %"):
        assert text in page


def test_the_heading_of_the_metric_keeps_its_capitals() -> None:
    view = study_view(spec(), trainings())
    assert "mAP" in headers(view)
    assert view.front_title == "mAP against cost"
    assert "Error" in headers(study_view(small_spec(), [complete_trial(0, 0.5)]))
