"""Neural architecture search under a compute budget: budget in, trained networks out."""

__version__ = "0.1.0"
