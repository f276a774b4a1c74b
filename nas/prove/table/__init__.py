"""Tables of trained networks: a space with a lookup instead of training."""

from nas.prove.table.file import Floats, Ints, default_toml
from nas.prove.table.space import TableSpace
from nas.prove.table.table import ACCURACY, Table
