"""Feasible: the architectures that a budget admits, counted and drawn without listing them.

`feasible_space` is the way in: it counts and draws by stages where a space has them, and lists the
members where it has not; `FeasibleUnion` joins several spaces. Inside, options of stages are
reduced to their costs, counted, and walked through.
"""

from nas.feasible.counting import Count
from nas.feasible.histogram import Distribution, distribution
from nas.feasible.listed import feasible_space, members
from nas.feasible.options import OptionTable, StageOptions
from nas.feasible.space import FeasibleSpace
from nas.feasible.union import FeasibleUnion

__all__ = [
    "Count",
    "Distribution",
    "FeasibleSpace",
    "FeasibleUnion",
    "OptionTable",
    "StageOptions",
    "distribution",
    "feasible_space",
    "members",
]
