"""Importing this module makes a worker process ready: all that its first training would load.

A worker may spend the time on it before it has anything to do.
"""

import contextlib

import fvcore.nn.jit_analysis

import nas.train.evaluator
from nas.errors import TaskError
from nas.train.kernels import kernels

__all__ = ["fvcore", "nas"]

with contextlib.suppress(TaskError):  # a trial will say it
    kernels()
