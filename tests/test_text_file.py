"""Text files that a person gives: every Unicode encoding with a mark, and what is no text."""

import codecs
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import SpaceError, TaskError
from nas.text_file import decode_text, read_text

MARKED = [
    ("utf-8", codecs.BOM_UTF8), ("utf-8", b""), ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
]  # fmt: skip
# A text cannot begin with a mark, nor with the zero that makes the mark of UTF-16 one of UTF-32.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"))


@pytest.mark.parametrize(("encoding", "mark"), MARKED)
@given(text=TEXTS)
def test_a_text_is_read_in_every_encoding_that_its_mark_names(
    encoding: Any, mark: Any, text: Any
) -> None:
    assert decode_text(mark + text.encode(encoding), "x.toml") == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_alike(end: str) -> None:
    assert decode_text(end.join("abc").encode(), "x.csv") == "a\nb\nc"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("a\nbé\n".encode("latin-1"), ["UTF-8", "line 2", "0xE9", "iconv"]),
        ("name = 1".encode("utf-16-le"), ["UTF-16", "mark"]),
        ("name = 1".encode("utf-16-be"), ["UTF-16", "mark"]),
        (b"abc\0def", ["zero bytes"]),
        (codecs.BOM_UTF16_LE + b"a\0b", ["UTF-16-LE", "byte-order mark", "ends within"]),
        ("é".encode()[:1], ["UTF-8", "ends within"]),
        (b"\x89PNG\r\n", ["0x89"]),
    ],
)
def test_what_is_no_text_is_refused_by_file_and_encoding(raw: Any, said: list[str]) -> None:
    with pytest.raises(TaskError) as caught:
        decode_text(raw, "my.toml", TaskError)
    for word in ("my.toml", *said):
        assert word in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(SpaceError, match=path.name):
            read_text(path, SpaceError)
