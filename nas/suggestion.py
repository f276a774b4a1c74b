"""The known names nearest to a mistyped one."""

import difflib
from collections.abc import Iterable

_NEAR = 0.6  # difflib's ratio for one wrong letter in a short word, or two swapped letters


def nearest(word: str, known: Iterable[str], most: int = 2, least: float = _NEAR) -> list[str]:
    """Return the names nearest to `word`, the nearest first.

    At most `most` names whose similarity, from 0 to 1, is `least` or more; case is ignored.
    """
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names, n=most, cutoff=least)
    return [names[name] for name in close]


def did_you_mean(word: str, known: Iterable[str], most: int = 2, least: float = _NEAR) -> str:
    """Return `Did you mean x or y? ` with the names that are `nearest`; empty if none is near.

    The text ends with a space, because a sentence with the valid names follows.
    """
    close = nearest(word, known, most, least)
    return f"Did you mean {' or '.join(close)}? " if close else ""
