"""Options without effect: what each verb declares of them, and their refusal.

An option has no effect in a call that would do the same without it, although something else was
asked for: `--seeds 5 --confirm 0`. One whose wish is fulfilled anyway passes:
`--json --quiet`. Only what was typed is refused, no default and no variable of the environment.
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
    """When an option of a verb has no effect: `idle` returns why, or nothing where it has one."""

    option: str
    idle: Callable[[Given], str]
    remedy: str


def refuses(*rules: Rule) -> Callable[[F], F]:
    """Return what makes a verb refuse a call that breaks one of `rules`; put it below the options.

    Raises:
        NasError: when the verb is called with an option that has no effect.
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
    """Tell whether the parameter `option` of the verb that runs was given on the command line."""
    context = click.get_current_context(silent=True)
    source = context.get_parameter_source(option) if context else None
    return source is ParameterSource.COMMANDLINE


def _written(option: str) -> str:
    """Return an option as it is typed."""
    for parameter in click.get_current_context().command.params:
        if parameter.name == option:
            return max(parameter.opts, key=len)
    return option


def only_without(option: str, other: str, what: str, remedy: str) -> Rule:
    """Return the rule that `option` has no effect together with `other`."""
    return Rule(option, lambda given: what if given[other] else "", remedy)


def _task(given: Given) -> str:
    """Return the task that was named; empty where the study or the machine decides."""
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


def _silent(given: Given) -> str:
    silent = "--json" if given["json_"] else "--quiet" if given["quiet"] else ""
    return f"{silent} prints only the result" if silent else ""


RESUME = (Rule("verbose", _silent, "Leave out one of them."),)

TASK = (
    Rule("data_dir", _digits, "Leave --data out, or name another task."),
    Rule("skip_corrupt", _no_files, "Add --data DIR, or leave --skip-corrupt out."),
    Rule("loaders", _held, "Leave --loaders out: it is for images that are streamed from disk."),
)


def _asked(given: Given) -> str:
    """Return the words of budgets and objectives."""
    return " ".join([*given["budgets"], *given.get("objectives", ())]).lower()


def _no_latency(given: Given) -> str:
    return "" if "latency" in _asked(given) else "no latency is asked for"


def _no_cpu(given: Given) -> str:
    on_cuda = "cuda" in _asked(given) and "cpu" not in _asked(given)
    return _no_latency(given) or ("latency is measured on a GPU" if on_cuda else "")


_LATENCY_REMEDY = "Add --budget 5ms-latency@cpu or --objective latency@cpu, or leave it out."
LATENCY = (
    Rule("latency_table", _no_latency, _LATENCY_REMEDY),
    Rule("latency_runtime", _no_latency, _LATENCY_REMEDY),
    Rule("latency_threads", _no_cpu, _LATENCY_REMEDY),
)


def _last_rung(given: Given) -> str:
    rungs, epochs = given["rungs"], given["epochs"]
    if rungs is None or rungs.rpartition(",")[2].strip() == str(epochs):
        return ""
    return f"the last of --rungs {rungs} is full fidelity"


SEARCH = (
    *RESUME,
    *TASK,
    *LATENCY,
    Rule("epochs", _last_rung, "Leave --epochs out, or end --rungs in it."),
    Rule(
        "seeds",
        lambda given: "" if given["confirm"] else "--confirm 0 trains nothing again",
        "Leave --seeds out, or give --confirm a number.",
    ),
)


def _plain_name(given: Given) -> str:
    from nas.space import is_arch_id

    arch = given["arch"]
    return "" if arch is None or is_arch_id(arch) else f"{arch} is not looked up in a database"


_OF_STUDY = "the network is one of the study"
NETWORK = (
    only_without("space_name", "study", _OF_STUDY, "Leave --space out."),
    Rule("db", _plain_name, "Leave --db out, or name a STUDY or the id of an architecture."),
)


def _as_trained(given: Given) -> str:
    if given["study"] and not given["deploy"]:
        return "a trial is exported as it was trained, on its task"
    return ""


EXPORT = (
    *NETWORK,
    *(
        Rule(option, _as_trained, "Add --deploy: the network at the deployment, head untrained.")
        for option in ("input_", "classes", "strides")
    ),
    only_without("results_dir", "arch", "--arch has no trained weights", "Leave it out."),
    only_without("deploy", "arch", "--arch exports at the deployment already", "Leave it out."),
)


def _sets_epochs(given: Given) -> str:
    names = {setting.partition("=")[0].strip() for setting in given["settings"]}
    return "--epochs goes before it" if given["epochs"] and "epochs" in names else ""


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
    only_without("strides", "study", "the study says how it is deployed", "Use --task-strides."),
    Rule("settings", _sets_epochs, "Leave one of --epochs and --set epochs=… out."),
)


_READ_AGAIN = "no space was named, so that a stored study is read again as it is"
COMPARE = (
    *RESUME,
    *(rule for rule in TASK if rule.option != "skip_corrupt"),
    *(
        Rule(
            option,
            lambda given: _READ_AGAIN if given["study"] and not given["spaces"] else "",
            "Name the spaces too, or leave it out.",
        )
        for option in (
            "budgets", "number", "vary", "task", "data_dir", "limit", "recipe", "epochs", "seed",
            "input_", "classes", "strides", "task_strides", "ray_address", "cpus_per_trial",
            "gpus_per_trial", "max_concurrent", "report_timeout", "results_dir", "profile",
            "loaders", "verbose",
        )
    ),
)  # fmt: skip


def _all_say(given: Given) -> str:
    modes = [name.strip().rpartition(":")[2] for name in given["samplers"].split(",")]
    return "every sampler says its own" if {*modes} <= {"single", "multi"} else ""


def _alone(given: Given) -> str:
    names = {name.strip() for name in given["samplers"].split(",")}
    return "there is one sampler, and none to hold it against" if len(names) == 1 else ""


PROVE = (
    Rule("objectives", _all_say, "Leave --objectives out."),
    Rule("ours", _alone, "Leave --ours out, or name several samplers."),
)
