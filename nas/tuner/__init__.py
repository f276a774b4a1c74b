"""Execution on Ray Tune: `run` a study with `RunSettings`. Only this package imports ray.

Ray Tune places and runs the trials; the study proposes, records and stops them. Ray Tune's own
experiment directory is temporary and is deleted at the end.

`run` and its types are imported on first use, because the import of Ray Tune takes a second.
Meanwhile `nas.tuner.local_ray.started_ahead` can start Ray.
"""

import os

import lazy_loader

# Ray reads this at its import, and does not print its own messages about a dead worker: the study
# reports it, and standard output is only for results.
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX",
    "A worker died or was killed|killed due to memory pressure|Raylet is terminated",
)

# With 0, a local Ray uses the address 127.0.0.1 on every system, as it does by default on macOS and
# Windows. Joining a running cluster is not affected.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
