"""Comparison of samplers on a table of trained networks, with a simulated cluster (`nas prove`).

It imports no sampler and no heavy library: the caller passes a function that makes a sampler.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
