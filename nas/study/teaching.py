"""Trained networks that another one learns from: its teachers, or the weights it starts with."""

from dataclasses import dataclass

from nas.space import Layer


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that teaches others: its weights, and how it is built for its images.

    `name` is that of its trial, STUDY#N. `file` is the absolute path or the URI of its weights,
    `sha256` their hash. `layers` begin with the size of the images that it was trained on; `mean`
    and `std` are those of their pixels scaled to [0, 1], one for each channel.
    """

    name: str
    file: str
    sha256: str
    layers: tuple[Layer, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StartWeights:
    """The weights that a training starts with; `file` is their absolute path or URI."""

    name: str
    file: str
    sha256: str
