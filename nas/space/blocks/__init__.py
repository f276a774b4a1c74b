"""The block kinds: what may be chosen in a block, and the layers that it becomes."""

from nas.space.blocks.igcv1 import IGCV1
from nas.space.blocks.igcv2 import IGCV2
from nas.space.blocks.igcv3 import IGCV3
from nas.space.blocks.kind import BlockKind, ChoiceRule
from nas.space.blocks.mobilenet_v1 import MobileNetV1
from nas.space.blocks.mobilenet_v2 import MobileNetV2
from nas.space.blocks.nasnet_a import NASNetA
from nas.space.blocks.shufflenet_v1 import ShuffleNetV1

BLOCK_KINDS: dict[str, BlockKind] = {
    kind.name: kind
    for kind in (IGCV3(), IGCV1(), IGCV2(), MobileNetV1(), MobileNetV2(), NASNetA(), ShuffleNetV1())
}

__all__ = ["BLOCK_KINDS", "BlockKind", "ChoiceRule"]
