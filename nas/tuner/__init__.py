"""Execution on Ray Tune, and the only door to ray: `run` a study with `RunSettings`.

Ray Tune places and runs the trials; what is tried, recorded and stopped is the study's affair. Ray
Tune's own experiment directory is scratch and is deleted in the end.

Ray itself can be started long before Ray Tune, whose import takes a second, is needed: see
`nas.tuner.local_ray.started_ahead`. That is why `run` and its types are imported on first use.
"""

import os

import lazy_loader

# Ray reads this once, when it is imported, and then does not print its own message about a worker
# that died: the study says so in its own words, and standard output belongs to the results.
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX", "A worker died or was killed|killed due to memory pressure"
)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
