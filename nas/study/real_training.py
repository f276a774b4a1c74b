"""RealTraining: the full training that confirms the networks of a search with a short schedule."""

from dataclasses import dataclass
from typing import Any


def recipe_title(recipe: str) -> str:
    """Return the name of a recipe: the first line of its text, without the comment sign."""
    return recipe.partition("\n")[0].removeprefix("# ")


@dataclass(frozen=True)
class RealTraining:
    """The full training after a short schedule: its `recipe` as text, and its `epochs`.

    `image_size` is the side of its images in pixels; None for the size of the task. Each confirmed
    network is trained with `seeds` seeds.
    """

    recipe: str
    epochs: int
    image_size: int | None
    seeds: int

    @property
    def recipe_name(self) -> str:
        """The name of the recipe."""
        return recipe_title(self.recipe)

    @classmethod
    def of(cls, fields: dict[str, Any] | None) -> "RealTraining | None":
        """Return the training from the fields of a JSON object, if there is one."""
        return None if fields is None else cls(**fields)
