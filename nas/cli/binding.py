"""Options bound to requests: an option shows the default of its request and becomes its setting.

A setting that has no effect is refused in the words of the command line, and only where it was
typed: no default is refused, and no variable of the environment.
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
    """Return an option for one setting of `request`; it has, and shows, the default of that."""
    default = default_of(request, name)
    if default not in (None, ()):
        attributes |= {"default": default, "show_default": True}
    return click.option(*declarations or (f"--{_dashed(name)}",), **attributes)


def into(argument: str, request: type[Request], prefix: str = "") -> Callable[[F], F]:
    """Return what makes one `argument` of a command from its options: a `request`.

    Put it below the options. An option belongs to the setting whose name, after `prefix`, is
    that of the option or of its parameter. One that was not given keeps the default.

    Raises:
        NasError: when the command is called with what the request refuses.
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
    """Return a function from the name of a setting to the option of `command`, as it is typed."""

    def option(name: str) -> str:
        parameter = _parameter(command, name)
        return max(parameter.opts, key=len) if parameter else name

    return option


def _key(name: str, values: dict[str, Any]) -> str:
    """Return the name under which `values` hold a setting."""
    parameter = _parameter(click.get_current_context().command, name)
    own = parameter.name if parameter else None
    return own if own in values else name


def _parameter(command: click.Command, name: str) -> click.Parameter | None:
    """Return the parameter of a setting, which may be one of a request within, as latency.table."""
    for each in (name, name.rpartition(".")[2]):
        for parameter in command.params:
            if f"--{_dashed(each)}" in parameter.opts or parameter.name == each:
                return parameter
    return None


def _dashed(name: str) -> str:
    return name.replace("_", "-").replace(".", "-")
