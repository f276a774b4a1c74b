"""Tables: networks that were all trained before, as a space with a lookup instead of training."""

from nas.tables.file import Floats, Ints, toml_beside
from nas.tables.space import TableSpace
from nas.tables.table import ACCURACY, Table

__all__ = ["ACCURACY", "Floats", "Ints", "Table", "TableSpace", "toml_beside"]
