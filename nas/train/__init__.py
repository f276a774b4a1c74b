"""The earlier import path of `nas.training`, for programs that import `nas.train.data`.

Python binds this package to `nas.train` once it is imported. So the package can be called too, and
then trains as the function `nas.train` of the Python API does.
"""

import sys
from types import ModuleType
from typing import Any

import nas


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Train a network; see the Python API."""
        return nas.__getattr__("train")(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
