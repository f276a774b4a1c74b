"""The streams of the command line: any encoding, and readers that close early."""

import codecs
import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import IO

_PLAIN = {
    "…": "...", "–": "-", "—": "-", "−": "-", "─": "-", "│": "|", "±": "+/-", "×": "x", "µ": "u",
    "μ": "u", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "|", "▎": "|", "▏": "|",
    "░": ".", "²": "2", "≥": ">=", "≤": "<=", "’": "'", "“": '"', "”": '"', "→": "->",
}  # fmt: skip


class ReaderGoneError(Exception):
    """The reader of the output, such as `head`, has closed it."""


def prepare() -> None:
    """Prevent errors of output: unencodable characters are escaped in ASCII, or become `?`.

    A stream that the caller has closed is redirected to the null device.
    """
    codecs.register_error("nas-plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="nas-plain")


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Turn a broken pipe of the output into a ReaderGoneError.

    Otherwise Click would exit with code 1; a broken pipe to another process is an error.

    Raises:
        ReaderGoneError: the reader of stdout or stderr has closed it.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        if reader_gone(sys.stdout) or reader_gone(sys.stderr):
            raise ReaderGoneError from error
        raise


def silence() -> None:
    """Redirect buffered output to the null device, so that Python ends without a message."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if reader_gone(stream):
            os.dup2(null, stream.fileno())


def say_stopping() -> None:
    """Say at once that a signal was received, which may come within a write to a stream."""
    start = b"\n" if os.isatty(2) else b""
    with contextlib.suppress(OSError):
        os.write(2, start + b"stopping; a second signal ends this at once\n")


def reader_gone(stream: IO[str]) -> bool:
    """Tell whether `stream` is a pipe or a socket without a reader."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # not a file, as in a test
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the replacement of characters that could not be encoded.

    A byte of a file name that is not text (PEP 383) is written unchanged.
    """
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _PLAIN.get(character, "?"), error.start + 1
