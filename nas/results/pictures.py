"""Pictures of some images with the outputs of a trained network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A JPEG file that was drawn for the image `name`."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Pictures:
    """Some pictures, with a caption."""

    caption: str
    pictures: tuple[Picture, ...]
