"""The timeline: each attempt is a bar in the lane of its worker, and says how it ended."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nas.figures import timeline_figure, timeline_text
from nas.study import AttemptOutcome, TrialAttempt

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def attempt(
    began: int, ended: int | None, outcome: AttemptOutcome | None, worker: str = "one:1"
) -> TrialAttempt:
    end = None if ended is None else START + timedelta(seconds=ended)
    return TrialAttempt(1, START + timedelta(seconds=began), end, worker, "cpu", outcome)


def test_workers_at_the_same_time_have_lanes_of_their_own() -> None:
    attempts = [
        (0, attempt(0, 20, AttemptOutcome.COMPLETE)),
        (1, attempt(5, 15, AttemptOutcome.LOST, "one:2")),
        (1, attempt(16, 30, AttemptOutcome.STOPPED, "one:3")),
        (2, attempt(20, None, None, "two:9")),
    ]
    figure = timeline_figure(attempts, now=START + timedelta(seconds=50))
    bars = {
        (trial, lane): (base, base + length, trace.name)
        for trace in figure.data
        for trial, lane, base, length in zip(
            trace.customdata, trace.y, trace.base, trace.x, strict=True
        )
    }
    assert bars[0, "one, 1"] == (0, 20, "ran to the end")
    assert bars[1, "one, 2"][2] in ("lost, failed, or ended by a fault", "stopped at a rung")
    assert bars[2, "two, 1"] == (20, 50, "running")
    assert sum(len(trace.y) for trace in figure.data) == len(attempts)
    assert "2026-03-01 09:00 UTC" in figure.layout.xaxis.title.text
    assert timeline_text(attempts).startswith("4 attempts, 1 lost")


@pytest.mark.parametrize(
    ("seconds", "unit"), [(30, "seconds"), (1_000, "minutes"), (100_000, "hours")]
)
def test_the_unit_of_time_fits_the_study(seconds: int, unit: str) -> None:
    figure = timeline_figure([(0, attempt(0, seconds, AttemptOutcome.COMPLETE))])
    assert figure.layout.xaxis.title.text.startswith(unit)


def test_its_beginning_is_told_in_the_zone_of_the_reader() -> None:
    attempts = [(0, attempt(0, 30, AttemptOutcome.COMPLETE))]
    figure = timeline_figure(attempts, zone=ZoneInfo("Asia/Kathmandu"))
    assert "2026-03-01 14:45 +0545" in figure.layout.xaxis.title.text


def test_a_study_without_attempts_says_so() -> None:
    assert "no attempt" in timeline_figure([]).layout.annotations[0].text
