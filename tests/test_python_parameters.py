"""Each parameter of the functions of the Python API sets a field of a request."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields

import pytest

from nas.workflows import NetworkExportRequest, NetworkRequest, SearchRequest, TrainRequest, api
from nas.workflows.request import Request

# These are no fields, or are converted: the network, its budget, and where and how a study runs.
CONVERTED = {"network", "spaces", "budget", "settings", "run", "db", "on_event", "latency"}
EXPORTED = {"arch", "space", "directory"}


@pytest.mark.parametrize(
    ("function", "requests", "converted"),
    [
        (api.search, [SearchRequest], CONVERTED),
        (api.train, [TrainRequest], CONVERTED),
        (api.compare_spaces, [SearchRequest], {*CONVERTED, "number", "vary"}),
        (api.export, [NetworkRequest, NetworkExportRequest], {*CONVERTED, *EXPORTED}),
    ],
)
def test_a_parameter_is_a_field_with_its_default(
    function: Callable[..., object], requests: list[type[Request]], converted: set[str]
) -> None:
    defaults = {
        field.name: field.default
        for request in requests
        for field in fields(request)  # type: ignore[arg-type]
        if field.default is not MISSING
    }
    parameters = inspect.signature(function).parameters.values()
    plain = {each.name: each.default for each in parameters if each.name not in converted}
    assert plain
    assert plain.items() <= defaults.items()
