"""Execution on Ray Tune, the only room that imports ray: `run` a study with `RunSettings`.

Ray Tune places and runs the trials; the study decides what is tried, recorded and stopped. Ray
Tune's own experiment directory is temporary and is deleted at the end.

Ray can be started before Ray Tune, whose import takes a second, is needed: see
`nas.tuner.local_ray.started_ahead`. Therefore `run` and its types are imported on first use.
"""

import os

import lazy_loader

# Ray reads this when it is imported, and then does not print its own message about a dead worker:
# the study reports it, and standard output is only for results.
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX",
    "A worker died or was killed|killed due to memory pressure|Raylet is terminated",
)

# Without clusters of its own, Ray uses 127.0.0.1 for a Ray that it starts, on every system as it
# does by default on macOS and Windows. It still joins a cluster that runs.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
