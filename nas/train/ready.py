"""Importing this module makes a worker process ready: all that its first training would load.

The first optimiser of a process loads `torch._dynamo`, a second or two that a worker may spend
before it has anything to do.
"""

import torch._dynamo

import nas.train.evaluator

__all__ = ["nas", "torch"]
