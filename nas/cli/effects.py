"""Options without effect: their rules for each verb, and their refusal.

An option has no effect if the call would do the same without it, although the user asked for
something: `--seeds 5 --confirm 0`. An option whose purpose is fulfilled anyway is accepted: `--json
--quiet`. Only typed options are refused, not defaults or environment variables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

from nas.errors import NasError

F = TypeVar("F", bound=Callable[..., Any])
Given: TypeAlias = Mapping[str, Any]
_IN_MEMORY = ("digits", "cifar10", "cifar100")


@dataclass(frozen=True)
class Rule:
    """A rule for an option without effect: `idle` returns the reason, or an empty text."""

    option: str
    idle: Callable[[Given], str]
    remedy: str


def refuses(*rules: Rule) -> Callable[[F], F]:
    """Return a decorator that refuses calls against one of `rules`; put it below the options.

    Raises:
        NasError: the verb is called with an option that has no effect.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def call(**given: Any) -> Any:
            for rule in rules:
                if was_typed(rule.option):
                    refuse_idle(rule.option, rule.idle(given), rule.remedy)
            return function(**given)

        return call  # type: ignore[return-value]

    return decorate


def refuse_idle(option: str, why: str, remedy: str) -> None:
    """Refuse an option that was typed, if there is a reason `why` it has no effect."""
    if why and was_typed(option):
        raise NasError(f"{_written(option)} has no effect: {why}.", remedy)


def was_typed(option: str) -> bool:
    """Tell whether the parameter `option` of the current verb was given on the command line."""
    context = click.get_current_context(silent=True)
    source = context.get_parameter_source(option) if context else None
    return source is ParameterSource.COMMANDLINE


def _written(option: str) -> str:
    """Return an option as typed."""
    for parameter in click.get_current_context().command.params:
        if parameter.name == option:
            return max(parameter.opts, key=len)
    return option


def only_without(option: str, other: str, what: str, remedy: str) -> Rule:
    """Return the rule that `option` has no effect together with `other`."""
    return Rule(option, lambda given: what if given[other] else "", remedy)


def _task(given: Given) -> str:
    """Return the named task; empty if the study or the machine determines it."""
    return given.get("task") or ("folder" if given.get("data_dir") else "")


def _digits(given: Given) -> str:
    return "the digits come with scikit-learn" if _task(given) == "digits" else ""


def _no_files(given: Given) -> str:
    if given.get("study") and "arch" in given and not given.get("task"):
        return ""  # the task of the study
    if _task(given) == "digits" or not given["data_dir"]:
        return "no images of your own are read"
    return ""


def _held(given: Given) -> str:
    held = given["loaders"] and _task(given) in _IN_MEMORY
    return f"the images of {_task(given)} are in memory" if held else ""


TASK = (
    Rule("data_dir", _digits, "Leave --data out, or name another task."),
    Rule("skip_corrupt", _no_files, "Add --data DIR, or leave --skip-corrupt out."),
    Rule("loaders", _held, "Leave --loaders out: it is for images streamed from disk."),
)


_OF_STUDY = "the network comes from the study"


def _sets_epochs(given: Given) -> str:
    names = {setting.partition("=")[0].strip() for setting in given["settings"]}
    return "--epochs takes precedence" if given["epochs"] and "epochs" in names else ""


def _rival_is_named(given: Given) -> str:
    return "" if not given["study"] or given["against"] else _OF_STUDY


TRAIN = (
    *TASK,
    Rule("space_name", _rival_is_named, "Leave --space out."),
    Rule(
        "ray_address",
        lambda given: "one worker trains in this process" if given["workers"] == 1 else "",
        "Add --workers N.",
    ),
    only_without("strides", "study", "the study has a deployment", "Use --task-strides."),
    Rule("settings", _sets_epochs, "Leave one of --epochs and --set epochs=… out."),
)
