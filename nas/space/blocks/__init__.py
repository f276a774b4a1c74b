"""The block kinds: the choices and the layers of a block."""

from typing import TypeGuard

from nas.errors import SpaceError
from nas.registry import Registry
from nas.space.blocks.kind import BlockKind, ChoiceRule, NetworkKind, StageKind


def _is_block_kind(part: object) -> TypeGuard[BlockKind]:
    """Tell whether `part` is an instance, not a class, with the members of a block kind."""
    return isinstance(part, StageKind | NetworkKind) and not isinstance(part, type)


BLOCK_KINDS = Registry("nas.blocks", "block kind", _is_block_kind, SpaceError)

__all__ = ["BLOCK_KINDS", "BlockKind", "ChoiceRule"]
