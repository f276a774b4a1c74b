"""Text files of the user: UTF-8, or any Unicode encoding that a byte-order mark names."""

import codecs
from pathlib import Path

from nas.errors import NasError

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path, error: type[NasError] = NasError) -> str:
    r"""Return the text of a file, without its byte-order mark and with every line ended by `\n`.

    Raises:
        error: the file cannot be read, or is not text; the cause names the file, the encoding, and
            the line of the first wrong byte.
    """
    try:
        raw = path.read_bytes()
    except OSError as fault:
        remedy = "Give a text file in UTF-8."
        if isinstance(fault, FileNotFoundError):
            remedy = "Give the path of an existing file."
        raise error(f"{path} cannot be read: {fault.strerror or fault}.", remedy) from fault
    return decode_text(raw, str(path), error)


def decode_text(raw: bytes, file: str, error: type[NasError] = NasError) -> str:
    """Return the text of `raw`, as `read_text` does; `file` names it in messages."""
    mark, encoding = next((m for m in _MARKS if raw.startswith(m[0])), (b"", "utf-8"))
    content = raw[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as fault:
        raise error(
            f"{file} cannot be read as {_name(encoding, bool(mark))}: line "
            f"{_line(content, encoding, fault.start)}: {_wrong(content, fault)}.",
            f"Save it as UTF-8, for instance: iconv -f {_guess(content)} -t UTF-8 OLD > NEW",
        ) from fault
    if "\0" in text:
        what = "UTF-16 without its byte-order mark" if _guess(content) != "LATIN1" else "binary"
        raise error(
            f"{file} is not UTF-8 text: it contains zero bytes ({what}).", "Save it as UTF-8."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name(encoding: str, marked: bool) -> str:
    return encoding.upper() + (", the encoding of its byte-order mark" if marked else "")


def _line(content: bytes, encoding: str, end: int) -> int:
    return content[:end].decode(encoding, errors="ignore").count("\n") + 1


def _wrong(content: bytes, fault: UnicodeDecodeError) -> str:
    if fault.reason in ("unexpected end of data", "truncated data"):
        return "the file ends within a character"
    return f"the byte 0x{content[fault.start]:02X} is invalid in this encoding"


def _guess(content: bytes) -> str:
    """Return the probable encoding of text without a mark: half of the bytes of UTF-16 are 0."""
    zeros = content.count(0)
    if zeros * 4 < len(content):
        return "LATIN1"
    return "UTF-16LE" if content[1:2] == b"\0" else "UTF-16BE"
