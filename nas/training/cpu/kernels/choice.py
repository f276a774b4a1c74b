"""Choice: whether the kernels compute, which a variable of the environment may decide."""

import os
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from nas.errors import TaskError
from nas.training.cpu.compiled import Build, NoLibraryError, shared_library
from nas.training.cpu.kernels.binding import Kernels

Kind: TypeAlias = Literal["native", "torch"]

VARIABLE = "NAS_KERNELS"

_HERE = Path(__file__).parent
_BUILD = Build(
    name="kernels",
    sources=(_HERE / "norm.c", _HERE / "depthwise.c"),
    headers=(_HERE / "maps.h",),
    compilers=("cc", "gcc", "clang"),
    variable="CC",
    flags=("-O3", "-fno-math-errno", "-ffp-contract=fast", "-shared", "-fPIC"),
    libraries=("-lm",),
    tuned=True,
)


def kernels() -> Kernels | None:
    """Return the kernels; None where they are not wanted, or cannot be had and need not be.

    Raises:
        TaskError: the variable NAS_KERNELS names no kind, or `native` where there are none.
    """
    named = os.environ.get(VARIABLE) or None
    if named not in (None, *get_args(Kind)):
        raise TaskError(
            f"{VARIABLE}={named!r} names no kernels.",
            f"Set it to {' or '.join(get_args(Kind))}, or not at all.",
        )
    if named == "torch":
        return None
    found = _loaded()
    if isinstance(found, Kernels):
        return found
    if named is None:
        return None
    raise TaskError(f"{VARIABLE}=native, but {found}.", "Install a C compiler, or unset it.")


@cache
def _loaded() -> Kernels | str:
    """Return the kernels, or why there are none."""
    try:
        return Kernels(shared_library(_BUILD))
    except NoLibraryError as error:
        return str(error)


def serve(x: Tensor) -> bool:
    """Tell whether the kernels may compute `x`: float32, on the CPU, where torch has one thread.

    With several threads torch shares its work among them; the kernels have one.
    """
    return torch.get_num_threads() == 1 and x.dtype is torch.float32 and x.device.type == "cpu"
