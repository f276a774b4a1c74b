"""The command line for the tests of faults."""

from tests.cli.conftest import nas

__all__ = ["nas"]
