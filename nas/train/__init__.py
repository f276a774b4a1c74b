"""The earlier import path of `nas.training`, for programs that import `nas.train.data`.

Importing this package binds it to the name `nas.train`, which is also a function of the Python API.
Therefore the package can be called, with the effect of that function.
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
