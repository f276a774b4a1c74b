"""Execution on Ray Tune, and the only door to ray: `run` a study with `RunSettings`.

Ray Tune places and runs the trials; what is tried, recorded and stopped is the study's affair. Ray
Tune's own experiment directory is scratch and is deleted in the end.
"""

from nas.tuner.cluster import knock, too_small
from nas.tuner.runner import RunResult, RunSettings, run

__all__ = ["RunResult", "RunSettings", "knock", "run", "too_small"]
