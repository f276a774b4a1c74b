"""Neural architecture search under a compute budget: a budget goes in, trained networks come out."""

__version__ = "0.1.0"
