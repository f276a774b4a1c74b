"""Tables and lines on a narrow terminal and in a pipe."""

import pytest

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


def test_a_pipe_gets_every_column_on_one_line(capsys):
    output.table("title", COLUMNS, ROWS, numbers="madds", optional="note")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "title",
        "name           madds  a long heading",
        f"one                7  {'x' * 60}",
        "two and three  1,234",
    ]


def test_a_narrow_terminal_loses_optional_columns_and_says_so(capsys, terminal):
    output.table("", COLUMNS, ROWS, numbers="madds", optional="note name")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name           madds"
    assert lines[-1] == "(not shown on this narrow terminal: a long heading)"


def test_long_lines_break_between_words(capsys, terminal):
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
def test_numbers_in_words(said, expected):
    assert said == expected
