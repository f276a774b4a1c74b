"""The files of a data set that are not read, and the reasons."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

_NAMED = 3  # names listed for each reason


class LeftOutReason(StrEnum):
    """The reasons why a file, a folder or a box is left out, as shown to the user."""

    HIDDEN = "hidden"
    NO_IMAGE = "not an image"
    EMPTY = "empty"
    LINK = "a broken link"
    FOLDER_LINK = "a linked folder inside a class"
    SPECIAL = "not a regular file"
    OUTSIDE = "outside the class folders"
    NO_CLASS = "a folder without images"
    NO_PART = "in no known part"
    NO_LABELS = "without labels"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    OTHER_SIZE = "of another size than stated"
    REPEATED = "listed again"
    MALFORMED = "malformed"
    NO_AREA = "boxes without area"
    OFF_IMAGE = "boxes outside their image"
    UNKNOWN_CATEGORY = "boxes of an unknown category"
    UNKNOWN_IMAGE = "boxes of an unknown image"
    BEYOND = "boxes that reach beyond their image"


def printable(name: str) -> str:
    """Return the name of a file or a class as one printable line.

    Names may contain line breaks, control sequences, and bytes that are not text.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


@dataclass
class LeftOut:
    """The number of files left out for each reason, and the names of the first ones."""

    counts: Counter[LeftOutReason] = field(default_factory=Counter)
    names: dict[LeftOutReason, list[str]] = field(default_factory=dict)

    def add(self, reason: LeftOutReason, name: str, count: int = 1) -> None:
        """Add a file, or a folder of `count` files."""
        self.counts[reason] += count
        named = self.names.setdefault(reason, [])
        if len(named) < _NAMED:
            named.append(printable(name))

    @property
    def text(self) -> str:
        """One sentence without a full stop; empty if nothing was left out."""
        return f"left out: {self.counted}" if self.counts else ""

    @property
    def counted(self) -> str:
        """The number of files, with the reasons in brackets."""
        parts = [self._part(reason) for reason in LeftOutReason if self.counts[reason]]
        return f"{self.counts.total():,} ({'; '.join(parts)})"

    def _part(self, reason: LeftOutReason) -> str:
        more = ", …" if len(self.names[reason]) == _NAMED < self.counts[reason] else ""
        return f"{self.counts[reason]:,} {reason}: {', '.join(self.names[reason])}{more}"
