"""Search spaces: architectures, block kinds, and the list of layers that describes a network."""

from nas.space.architecture import Architecture, StageValues, Value, format_value, is_arch_id
from nas.space.blocks.kind import NetworkKind, PartLayers
from nas.space.file import builtin_names, load_space, parse_input, read_space
from nas.space.layers import (
    Activation,
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
    readers_of,
)
from nas.space.lowering import lower, lower_block, lower_head, lower_stem, plan_network
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

__all__ = [
    "PAIRED_PREFIX",
    "STRIDE_RULE",
    "Activation",
    "Adaptation",
    "Add",
    "Architecture",
    "BatchNorm",
    "Builder",
    "Concat",
    "Conv",
    "GlobalPool",
    "Input",
    "Layer",
    "Linear",
    "NetworkKind",
    "Pad",
    "PartLayers",
    "Pool",
    "Published",
    "SearchSpace",
    "Shape",
    "Shuffle",
    "StageValues",
    "Stated",
    "Strides",
    "TomlReader",
    "Value",
    "adapt",
    "builtin_names",
    "check_strides",
    "format_value",
    "given_strides",
    "is_arch_id",
    "load_space",
    "lower",
    "lower_block",
    "lower_head",
    "lower_stem",
    "only_reader",
    "parse_input",
    "plan_network",
    "quote_value",
    "read_space",
    "read_variation",
    "readers_of",
]
