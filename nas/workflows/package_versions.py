"""The versions of what measures, which the record keeps with each study and training."""

import platform
from importlib.metadata import version

_VERSIONED = (
    "nas", "torch", "torchvision", "ray", "optuna", "fvcore", "numpy", "sqlalchemy", "plotly",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python and the libraries, by name."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}
