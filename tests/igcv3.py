"""A study of the IGCV3 space as it is built in; imports little, because workers of Ray read it."""

from pathlib import Path
from typing import Any

from nas.cost.budget import parse_budgets
from nas.study.spec import StudySpec

ROOT = Path(__file__).parents[1]


def igcv3_spec(**changed: Any) -> StudySpec:
    """Return the definition of a study of the IGCV3 space with the published networks."""
    settings: dict[str, Any] = {
        "name": "small",
        "space_name": "igcv3",
        "space_text": (ROOT / "search_spaces" / "igcv3.toml").read_text(),
        "budget": parse_budgets(["300M-flops"]),
        "input": "3x224x224",
        "classes": 1000,
        "task": "digits",
        "data_dir": None,
        "recipe": "digits",
        "rungs": (1, 3, 9),
        "eta": 3,
        "objectives": ("top1_error", "madds"),
        "reference_point": (1.0, 3e8),
        "sampler": "evolution",
        "num_trials": 24,
        "published": True,
        "seed": 0,
    }
    return StudySpec(**{**settings, **changed})
