"""Workflows: what a user asks for, from a typed request to a result.

The commands and the Python API call these functions. Each takes frozen requests that hold the
defaults (`requests`), tells its progress as events (`events`), prints nothing, and returns what it
found or made.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
