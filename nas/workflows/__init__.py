"""Workflows: each action of a user, from a typed request to a result.

The commands and the Python API call these functions. Each takes frozen requests, which hold the
defaults (`requests`, `network_requests`), reports its progress as events (`events`), prints
nothing, and returns its result.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
