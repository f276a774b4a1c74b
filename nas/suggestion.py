"""The names nearest to a mistyped one."""

import difflib
from collections.abc import Iterable

_NEAR = 0.6  # of difflib's ratio: one letter in a short word, or two letters exchanged


def did_you_mean(word: str, known: Iterable[str], most: int = 2) -> str:
    """Return `Did you mean x or y? ` of the names nearest to `word`, empty where none is near.

    Case does not count. The blank at the end joins it to the sentence that lists what may be typed.
    """
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names, n=most, cutoff=_NEAR)
    return f"Did you mean {' or '.join(names[name] for name in close)}? " if close else ""
