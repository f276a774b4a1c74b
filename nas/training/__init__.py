"""Train one network: build it from its layers, count it with fvcore, fit it to a task.

This folder is the door to torch. It needs neither Ray nor a database: `session.Session` is all
that an executor of trials has to know.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
