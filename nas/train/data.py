"""The earlier import path of the data sets of `nas.training`."""

from nas.training import load_task

__all__ = ["load_task"]
