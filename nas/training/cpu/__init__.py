"""Faster forms of training on one CPU thread; results are the same without them, to rounding."""
