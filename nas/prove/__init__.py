"""Proof mode: samplers measured against a table of trained networks, on a simulated cluster.

Knows no sampler and no heavy library: whoever calls hands in what makes a sampler.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
