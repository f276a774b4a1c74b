"""Feasible: the architectures within a budget, counted and drawn without listing them.

`feasible_space` returns a space that counts and draws by stages, or that lists its members if its
block kind plans whole networks. `FeasibleUnion` joins several spaces.
"""

from nas.feasible.counting import Count
from nas.feasible.encoding import INACTIVE, Variable
from nas.feasible.histogram import Distribution, distribution
from nas.feasible.listed import feasible_space, members
from nas.feasible.port import BAND, NUM_STRATA, Feasible, edges, stratum_of
from nas.feasible.stage_options import OptionTable, StageOptions
from nas.feasible.stagewise import FeasibleSpace
from nas.feasible.union import FeasibleUnion
