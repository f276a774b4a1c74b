"""Execution on Ray Tune, and the only door to ray: `run` a study with `RunSettings`.

Ray Tune places and runs the trials; what is tried, recorded and stopped is the study's affair. Ray
Tune's own experiment directory is scratch and is deleted in the end.

Ray itself can be started long before Ray Tune, whose import takes a second, is needed: see
`nas.tuner.local.started_ahead`. That is why `run` and its types are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from nas.tuner.cluster import check_fraction, knock, too_small

if TYPE_CHECKING:
    from nas.tuner.runner import RunResult, RunSettings, run

__all__ = ["RunResult", "RunSettings", "check_fraction", "knock", "run", "too_small"]


def __getattr__(name: str) -> Any:
    """Import what needs Ray Tune."""
    if name in __all__:
        from nas.tuner import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
