"""Tables of trained networks: search spaces whose trainings are looked up."""

from nas.prove.table.file import Floats, Ints, default_toml
from nas.prove.table.space import TableSpace
from nas.prove.table.table import ACCURACY, Table
