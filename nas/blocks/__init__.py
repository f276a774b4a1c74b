"""The block kinds: what may be chosen in a block, and the layers that it becomes."""

from nas.blocks.base import BlockKind, ChoiceRule
from nas.blocks.igcv3 import IGCV3

BLOCK_KINDS: dict[str, BlockKind] = {kind.name: kind for kind in (IGCV3(),)}

__all__ = ["BLOCK_KINDS", "BlockKind", "ChoiceRule"]
