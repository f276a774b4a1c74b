"""DataIdentity: a digest of the images of a measurement, which detects a change of the images."""

from dataclasses import asdict, dataclass, field
from typing import Any

UNCHECKED = "{} does not record its images: it is unknown whether they are the same."


@dataclass(frozen=True)
class DataIdentity:
    """The images of a task and their number in each split.

    `digest` depends on the encoded images, their labels and their order, but not on paths or file
    names. `classes` is the number of classes; 0 for a task other than classification, and in
    records of versions that did not store it.
    """

    digest: str
    train: int
    val: int
    test: int
    classes: int = field(default=0, compare=False)

    @property
    def counts(self) -> str:
        """The sizes of the splits."""
        return f"{self.train:,} train / {self.val:,} validation / {self.test:,} test images"

    @property
    def text(self) -> str:
        """The sizes of the splits and the beginning of the digest."""
        return f"{self.counts}, digest {self.digest[:12]}"

    def change(self, now: "DataIdentity") -> str:
        """Describe how the images differ from `now`; empty if they do not differ."""
        if self == now:
            return ""
        if self.counts != now.counts:
            return f"{self.counts} then, {now.counts} now"
        return "the same number, but other images, labels or order"

    def as_json(self) -> dict[str, Any]:
        """Return the identity as plain values for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "DataIdentity | None":
        """Return the identity from `as_json`; None for anything else, as in older records."""
        try:
            return cls(**value)
        except TypeError:
            return None
