"""Tables and lines on a narrow terminal and in a pipe."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.cli import output

COLUMNS = {"name": "name", "madds": "madds", "note": "a long heading", "blank": ""}
ROWS = [
    {"name": "one", "madds": "7", "note": "x" * 60, "blank": ""},
    {"name": "two and three", "madds": "1,234", "note": "", "blank": ""},
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play a terminal of 40 columns."""
    monkeypatch.setattr(output, "terminal_width", lambda: 40)


def test_a_pipe_gets_every_column_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("title", COLUMNS, ROWS, numbers="madds", optional="note")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "title",
        "name           madds  a long heading",
        f"one                7  {'x' * 60}",
        "two and three  1,234",
    ]


def test_a_narrow_terminal_loses_optional_columns_and_says_so(
    capsys: pytest.CaptureFixture[str], terminal: None
) -> None:
    output.table("", COLUMNS, ROWS, numbers="madds", optional="note name")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name           madds"
    assert " ".join(lines[-2:]) == "(not shown on this narrow terminal: a long heading)"


def test_a_narrow_terminal_cuts_texts_where_no_column_may_go(
    capsys: pytest.CaptureFixture[str], terminal: None
) -> None:
    output.table("", COLUMNS, ROWS, numbers="madds")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "name           madds  a long heading",
        "one                7  xxxxxxxxx…xxxxxxxx",
        "two and three  1,234",
    ]


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
cells = st.lists(words, max_size=5).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.lists(cells, min_size=6, max_size=6), max_size=5),
    width=st.integers(20, 120),
    optional=st.lists(st.sampled_from("abcdef"), unique=True).map(" ".join),
    numbers=st.lists(st.sampled_from("bcdef"), unique=True).map(" ".join),
)
def test_no_line_of_a_table_is_longer_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: list[list[Any]],
    width: int,
    optional: Any,
    numbers: Any,
) -> None:
    records = [dict(zip("abcdef", row, strict=True)) for row in rows]
    for record in records:
        record.update({key: record[key][:12] for key in numbers.split()})
    columns = {key: f"heading {key}" for key in "abcdef"}
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    output.table("a title of some words", columns, records, numbers, optional)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width
    monkeypatch.setattr(output, "terminal_width", lambda: None)
    output.table("", columns, records, numbers, optional)
    assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("complete, reused from other#3", 12, "complete, r…"),
        ("igcv3-d-1_0-digits-1f2e3d", 12, "igcv3-…f2e3d"),
        ("/data/results/study/7.safetensors", 16, "/data/re…tensors"),
    ],
)
def test_a_long_cell_keeps_what_tells_it_from_others(text: str, width: int, expected: str) -> None:
    assert output.shortened(text, width) == expected
    assert len(expected) <= width


class Counted(str):
    """A text that counts how often its length is asked for."""

    __slots__ = ()
    asked = 0

    def __len__(self) -> int:
        Counted.asked += 1
        return super().__len__()

    def __str__(self) -> str:
        return self


@pytest.mark.parametrize("width", [None, 40])
def test_a_cell_is_measured_a_few_times_however_many_rows_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int | None
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    Counted.asked = 0
    rows = [{"name": Counted(f"trial {i}"), "note": Counted("n" * 50)} for i in range(3000)]
    output.table("", COLUMNS, rows, optional="note")
    assert Counted.asked <= 3 * 2 * len(rows)


def test_long_lines_break_between_words(capsys: pytest.CaptureFixture[str], terminal: None) -> None:
    output.field("task", "digits 1x8x8, 10 classes, 1079 train images of 8x8 pixels")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith(" " * 12) for line in lines[1:])
    assert " ".join(line[12:] for line in lines).endswith("1079 train images of 8x8 pixels")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (output.plural(1, "epoch"), "1 epoch"),
        (output.plural(1200, "epoch"), "1,200 epochs"),
        (output.size(4096), "4,096"),
        (output.size(3 * 10**30), "3e+30"),
        (output.share(1.0, 1.0, 4.0), "25 %"),
        (output.share(1.0, 2.0, 4.0), "25 to 50 %"),
    ],
)
def test_numbers_in_words(said: Any, expected: str) -> None:
    assert said == expected
