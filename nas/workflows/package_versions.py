"""The library versions that are recorded with each study and training."""

import platform
from importlib.metadata import version

from nas.samplers import SAMPLERS
from nas.space import BLOCK_KINDS
from nas.study import TASKS, StudySpec

_VERSIONED = (
    "nas", "torch", "torchvision", "ray", "optuna", "fvcore", "numpy", "sqlalchemy", "plotly",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python and the libraries, by name."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}


def study_versions(spec: StudySpec) -> dict[str, str]:
    """Return the same with the packages that add the task, sampler or a block kind of a study."""
    sampler = spec.sampler if spec.sampler in SAMPLERS.names() else None
    providers = [
        *(BLOCK_KINDS.provider(space.kind.name) for space in spec.spaces.values()),
        SAMPLERS.provider(sampler) if sampler else None,
        TASKS.provider(spec.task),
    ]
    return {**versions(), **dict(each for each in providers if each)}
