"""Pictures of what a trained network makes of some images."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A JPEG file that was drawn for the image `name`."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Pictures:
    """Some pictures with what they show."""

    caption: str
    pictures: tuple[Picture, ...]
