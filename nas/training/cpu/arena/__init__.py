"""The arena: memory for the large tensors of a worker process, in huge pages and without waste.

A training step allocates the same few hundred maps again and again. malloc can not use the place of
a freed tensor for the next one of its size, since torch asks for aligned memory, and keeps a tenth
to a quarter more than is ever in use; and a processor that looks up addresses in pages of 4 KB
spends a sixth of a step on that. So the tensors of 64 KB and more get a range of their own, by
torch's own interface for that (`c10::SetCPUAllocator`). What is computed is the same to the bit.

It is compiled at its first use with the headers that torch brings, where there is a C++ compiler,
and kept in the cache; without one nothing changes. The memory stays with the process.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from nas.training.cpu.compiled import Build, NoLibraryError, shared_library

VARIABLE = "NAS_ARENA"  # "off": leave torch's own allocator

_RANGE = 1 << 38  # addresses, not memory: more than a machine has


class ArenaUse(NamedTuple):
    """Bytes of the arena: in use now, at most so far, and the range that was ever touched."""

    live: int
    peak: int
    touched: int


def use_arena() -> bool:
    """Put the large tensors of this process into the arena from now on; tell whether they are.

    Not undone: meant for trial workers only, before they train.
    """
    library = None if os.environ.get(VARIABLE) == "off" else _library()
    return library is not None and library.nas_arena_use(ctypes.c_size_t(_RANGE)) == 0


def trim_arena() -> None:
    """Give the memory of the arena that no tensor is in back to the system, if it is in use."""
    if (library := _asked_for()) is not None:
        library.nas_arena_trim()


def arena_use() -> ArenaUse:
    """Return what of the arena is in use: nothing where it is not used."""
    numbers = [ctypes.c_size_t(0) for _ in ArenaUse._fields]
    if (library := _asked_for()) is not None:
        library.nas_arena_read(*(ctypes.byref(number) for number in numbers))
    return ArenaUse(*(number.value for number in numbers))


def _asked_for() -> ctypes.CDLL | None:
    """Return the library if it was wanted before; who only looks is not to have it compiled."""
    return _library() if _library.cache_info().currsize else None


@cache
def _library() -> ctypes.CDLL | None:
    """Return the library, compiled now if it has not been; None where that cannot be done."""
    if sys.platform != "linux":
        return None
    root = Path(torch.__file__).parent
    abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"
    build = Build(
        name="arena",
        sources=(Path(__file__).with_name("arena.cpp"),),
        headers=(),
        compilers=("c++", "g++", "clang++"),
        variable="CXX",
        flags=("-O2", "-std=c++20", "-shared", "-fPIC", abi, f"-I{root / 'include'}"),
        libraries=("-L", str(root / "lib"), "-lc10"),
        salt=torch.__version__,
    )
    try:
        return shared_library(build)
    except NoLibraryError:
        return None
