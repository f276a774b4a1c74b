"""Teaching: trained networks whose outputs another network learns from (knowledge distillation)."""

from dataclasses import dataclass

from nas.space import Layer


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that teaches others: its weights, and how it is built for its images.

    `name` is that of its trial, STUDY#N. `file` is the absolute path of its weights, `sha256` their
    hash. `layers` begin with the size of the images that it was trained on; `mean` and `std` are
    those of their pixels scaled to [0, 1], one for each channel.
    """

    name: str
    file: str
    sha256: str
    layers: tuple[Layer, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
