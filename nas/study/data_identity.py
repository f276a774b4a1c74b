"""DataIdentity: which images something was measured on, so that a change of them is seen."""

from dataclasses import asdict, dataclass
from typing import Any

UNCHECKED = "{} is older than the check of its images: whether they are the same is not known."


@dataclass(frozen=True)
class DataIdentity:
    """The images of a task and the number of them in each of its splits.

    `digest` is equal for equal encoded images with equal labels in the same order, wherever they
    lie and whatever their files are called.
    """

    digest: str
    train: int
    val: int
    test: int

    @property
    def counts(self) -> str:
        """The sizes of the splits."""
        return f"{self.train:,} train / {self.val:,} validation / {self.test:,} test images"

    @property
    def text(self) -> str:
        """The sizes of the splits and the beginning of the digest."""
        return f"{self.counts}, digest {self.digest[:12]}"

    def change(self, now: "DataIdentity") -> str:
        """Say how the images differ from those that there are `now`; empty where they do not."""
        if self == now:
            return ""
        if self.counts != now.counts:
            return f"{self.counts} then, {now.counts} now"
        return "as many images as then, but not the same images, labels or order"

    def as_json(self) -> dict[str, Any]:
        """Return the identity in plain values, as `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "DataIdentity | None":
        """Return what `as_json` wrote; None where it is something else, as in older records."""
        try:
            return cls(**value)
        except TypeError:
            return None
