"""The block kinds: what may be chosen in a block, and the layers that it becomes."""

from nas.blocks.base import BlockKind, ChoiceRule
from nas.blocks.igcv1 import IGCV1
from nas.blocks.igcv2 import IGCV2
from nas.blocks.igcv3 import IGCV3
from nas.blocks.mobilenet_v1 import MobileNetV1
from nas.blocks.mobilenet_v2 import MobileNetV2
from nas.blocks.nasnet_a import NASNetA
from nas.blocks.shufflenet_v1 import ShuffleNetV1

BLOCK_KINDS: dict[str, BlockKind] = {
    kind.name: kind
    for kind in (IGCV3(), IGCV1(), IGCV2(), MobileNetV1(), MobileNetV2(), NASNetA(), ShuffleNetV1())
}

__all__ = ["BLOCK_KINDS", "BlockKind", "ChoiceRule"]
