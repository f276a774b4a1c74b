"""Options bound to requests: an option sets a field of a request, and shows its default.

A setting without effect is refused by the name of its option, and only if it was typed: defaults
and environment variables are never refused.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from nas.workflows import Request, default_of

F = TypeVar("F", bound=Callable[..., Any])


def setting(
    request: type[Request], name: str, *declarations: str, **attributes: Any
) -> Callable[[F], F]:
    """Return an option for one setting of `request`, with its default."""
    default = default_of(request, name)
    if default not in (None, ()):
        attributes |= {"default": default, "show_default": True}
    return click.option(*declarations or (f"--{_dashed(name)}",), **attributes)


def into(argument: str, request: type[Request], prefix: str = "") -> Callable[[F], F]:
    """Return a decorator that makes one `argument` of a command, a `request`, from its options.

    Put it below the options. An option belongs to the setting with its name, or the name of its
    parameter, after `prefix`. Without an option a setting keeps its default.

    Raises:
        NasError: the command is called with settings that the request refuses.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def call(**values: Any) -> Any:
            found = {}
            for field in fields(request):  # type: ignore[arg-type]
                name = prefix + field.name
                value = values.pop(_key(name, values), None)
                if value is not None:
                    found[field.name] = value
            made = request(**found)
            made.refuse_no_effects(was_typed)
            return function(**values, **{argument: made})

        return call  # type: ignore[return-value]

    return decorate


def was_typed(name: str) -> bool:
    """Tell whether the option of a setting was given on the command line."""
    context = click.get_current_context()
    parameter = _parameter(context.command, name)
    source = context.get_parameter_source(parameter.name or "") if parameter else None
    return source is ParameterSource.COMMANDLINE


def option_of(command: click.Command) -> Callable[[str], str]:
    """Return a function from the name of a setting to the typed option of `command`."""

    def option(name: str) -> str:
        parameter = _parameter(command, name)
        return max(parameter.opts, key=len) if parameter else name

    return option


def _key(name: str, values: dict[str, Any]) -> str:
    """Return the key of a setting in `values`."""
    parameter = _parameter(click.get_current_context().command, name)
    own = parameter.name if parameter else None
    return own if own in values else name


def _parameter(command: click.Command, name: str) -> click.Parameter | None:
    """Return the parameter of a setting, which may be nested, such as latency.table."""
    for each in (name, name.rpartition(".")[2]):
        for parameter in command.params:
            if f"--{_dashed(each)}" in parameter.opts or parameter.name == each:
                return parameter
    return None


def _dashed(name: str) -> str:
    return name.replace("_", "-").replace(".", "-")
