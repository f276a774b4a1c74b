"""The network that the options of a command name, as a request."""

from collections.abc import Mapping
from typing import Any

from nas.cli import effects
from nas.errors import NasError
from nas.workflows import NetworkRequest


def network_request(given: Mapping[str, Any], verb: str) -> NetworkRequest:
    """Return the network that the options of `nas VERB` name: a trial of a STUDY, or --arch.

    Raises:
        NasError: they name none, or more than one.
    """
    check_named(given, verb)
    names = ("arch", "study", "trial", "classes", "strides", "db")
    return NetworkRequest(
        space=given["space_name"],
        input=given["input_"],
        any_space=not effects.was_typed("space_name"),
        **{name: given[name] for name in names},
    )


def check_named(given: Mapping[str, Any], verb: str) -> None:
    """Refuse a call that names no network, or more than one.

    Raises:
        NasError: it does.
    """
    chosen = sum((given["best"], given["trial"] is not None, given["arch"] is not None))
    if chosen != 1 or (given["arch"] is None) != bool(given["study"]):
        raise NasError(
            f"say which network nas {verb} is for.",
            f"Type: nas {verb} STUDY --best, or STUDY --trial N, or --arch NAME.",
        )
