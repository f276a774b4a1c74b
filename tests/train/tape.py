"""A recorder for the CPU: it keeps the operations of a step, as a CUDA graph does.

They are repeated on the very tensors, and with the very numbers, of the recording, and write to
where they wrote. So whatever a recording freezes on a GPU is frozen here too, and what waits for
the device is refused. That memory is used again within a recording is not played.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_WAITS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}


class _Recording(TorchDispatchMode):
    def __init__(self, kept: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self._kept = kept

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in _WAITS:
            raise RuntimeError("operation not permitted when stream is capturing")
        result = func(*args, **(kwargs or {}))
        self._kept.append((func, args, kwargs or {}, result))
        return result


class Tape:
    """Records what a step asks of torch on the CPU; `state()` are the tensors that it changes."""

    def __init__(self, state: Callable[[], Iterable[Sequence[Tensor]]]) -> None:
        self._state = state
        self._kept: list[tuple[Any, ...]] = []
        self._result: Tensor | None = None
        self.replays = 0

    def rehearse(self, step: Callable[[], Tensor]) -> Tensor:
        return step()

    def record(self, step: Callable[[], Tensor]) -> None:
        state = [tensor for part in self._state() for tensor in part]
        before = [tensor.clone() for tensor in state]
        try:
            with _Recording(self._kept):
                self._result = step()
        finally:  # a recording executes nothing
            with torch.no_grad():
                for tensor, value in zip(state, before, strict=True):
                    tensor.copy_(value)

    @torch.no_grad()
    def replay(self) -> Tensor:
        self.replays += 1
        for func, args, kwargs, result in self._kept:
            returns = func._schema.returns
            is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in returns)
            if is_view:
                continue
            again = func(*args, **kwargs)
            if func._schema.is_mutable:
                continue
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(old, Tensor):
                    old.copy_(new)
        assert self._result is not None
        return self._result
