"""Search spaces: architectures, block kinds, and the list of layers that describes a network."""

from nas.space.architecture import Architecture, StageValues, Value, format_value, is_arch_id
from nas.space.blocks import BLOCK_KINDS
from nas.space.blocks.kind import (
    BlockKind,
    ChoiceRule,
    NetworkKind,
    NetworkPart,
    PartLayers,
    PlannedStage,
    Skeleton,
    StageKind,
)
from nas.space.detectors import Detector, SSDLite, head_of, known_detectors
from nas.space.file import builtin_names, load_space, parse_input, read_space
from nas.space.head import Head, TappingHead, outputs_text, tap_of, tapped_stage, usual_input
from nas.space.layers import (
    Activation,
    ActivationName,
    Add,
    BatchNorm,
    Builder,
    Concat,
    Conv,
    GlobalPool,
    Input,
    Layer,
    Linear,
    Pad,
    Pool,
    Shape,
    Shuffle,
    only_reader,
    outputs_of,
    readers_of,
)
from nas.space.lowering import (
    NamedNetwork,
    lower,
    lower_block,
    lower_head,
    lower_stem,
    lower_tap,
    plan_network,
)
from nas.space.search_space import Published, SearchSpace
from nas.space.strides import (
    STRIDE_RULE,
    Adaptation,
    Stated,
    Strides,
    adapt,
    check_strides,
    given_strides,
)
from nas.space.toml_reader import TomlReader, quote_value
from nas.space.variation import PAIRED_PREFIX, read_variation
from nas.space.yolov2 import yolov2_layers
