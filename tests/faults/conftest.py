"""The command line, and the cache of the tests of training, for the tests of faults."""

from tests.cli.conftest import nas
from tests.training.conftest import cache

__all__ = ["cache", "nas"]
