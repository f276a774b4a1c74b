"""Neural architecture search under a compute budget: budget in, trained networks out.

The names below are loaded when they are first used: `import nas` alone loads no heavy library.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
