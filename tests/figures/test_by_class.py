"""The report of a detection: the metrics of the best network for each class."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.figures import write_report
from nas.metrics import DETECTION
from nas.results import study_view
from nas.study import Measurement
from tests.studies import complete_trial, small_spec


def test_classes_are_means_over_the_seeds(tmp_path: Path) -> None:
    spec = small_spec(
        task="detection", metrics=DETECTION, objectives=("map", "madds"),
        reference_point=(0.0, 1000.0), published=False,
    )  # fmt: skip
    found = {"map": 0.3, "ap50": 0.6, "detection_loss": 2.5}
    measured = (Measurement(4, 2, found, 0.1, 1.0),)
    first = replace(complete_trial(0, 0.0), measurements=measured)
    second = replace(first, number=1, replicate_of=0)
    reports = {
        number: {"test": {**found, "images": 10.0, "by_class": {
            "cat <b>": {"ap50": 0.5 + number / 10, "map": 0.2 + number / 10},
            "dog": {"ap50": 0.7, "map": 0.4},
        }}}
        for number in (0, 1)
    }  # fmt: skip
    view = study_view(spec, [first, second], reports)
    assert dict(view.by_class)["cat <b>"] == pytest.approx({"map": 0.25, "ap50": 0.55})
    write_report(view, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<td>cat &lt;b&gt;</td>" in page
    assert ">25.0 %<" in page
    assert ">55.0 %<" in page
