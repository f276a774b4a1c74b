"""Messages in tests: matched on the values that they carry, so that their words may change."""

import re

SEPARATOR = " … "


def carrying(values: str) -> str:
    """Return a pattern, as `pytest.raises(match=…)` takes it, of texts that carry all of `values`.

    Several values are separated by " … ", for example "width=120 … 240". They may come in any
    order. A value that begins or ends with a letter or digit is found as a whole: 240 is not in
    2400.
    """
    return "(?s)" + "".join(f"(?=.*?{_whole(value)})" for value in values.split(SEPARATOR))


def carries(text: str, values: str) -> bool:
    """Tell whether `text` carries all of `values`, see `carrying`."""
    return re.match(carrying(values), text) is not None


def _whole(value: str) -> str:
    before = r"(?<![^\W_])" if value[:1].isalnum() else ""
    after = r"(?![^\W_])" if value[-1:].isalnum() else ""
    return before + re.escape(value) + after
