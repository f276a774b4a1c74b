"""Training of one network: build it from its layers, count it with fvcore, fit it to a task.

Only this package imports torch. It needs neither Ray nor a database.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
