"""Shell completion of values: spaces, networks, tasks, recipes, samplers, studies.

Completion must be fast and print no error: nothing here imports torch, the database is only read,
and any error gives no suggestions.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from nas.registry import entry_names

_Offer: TypeAlias = Callable[[click.Context], Iterable[str]]
_FILES = ("db", "space_name", "space", "spaces", "recipe")  # may name a file instead
_LISTS = (("search", "space_name"), ("compare-spaces", "space"), ("prove", "samplers"),
          ("export", "formats"), ("search", "formats"), ("resume", "formats"))  # fmt: skip
_CONNECT_SECONDS = 2


def complete_values(command: click.Command) -> click.Command:
    """Set the completion of a verb's parameters by their names; return the verb."""
    for parameter in command.params:
        offer = _OFFERS.get(parameter.name or "")
        if offer is not None and parameter.type is click.STRING:
            parameter.type = _Word(offer)
    return command


class _Word(click.types.StringParamType):
    """A text with some known values."""

    def __init__(self, offer: _Offer) -> None:
        self._offer = offer

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the known values that begin with `incomplete`; files if there are none."""
        try:
            known = sorted(set(self._offer(ctx)))
        except Exception:  # noqa: BLE001 - a broken file or database gives no suggestions
            known = []
        listed = (ctx.info_name, param.name) in _LISTS
        before = incomplete[: incomplete.rfind(",") + 1] if listed else ""
        words = [before + word for word in known]
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        if not found and param.name in _FILES:
            return [CompletionItem(incomplete, type="file")]
        return found


def _spaces(_ctx: click.Context) -> Iterable[str]:
    from nas.space import builtin_names

    return builtin_names()


def _networks(ctx: click.Context) -> Iterable[str]:
    """Return the known networks of the space on the command line, or of the default one."""
    from nas.space import load_space
    from nas.workflows import SPACE

    space = load_space(ctx.params.get("space_name") or SPACE)
    return (entry.name for entry in (*space.published, *space.variants))


def _recipes(_ctx: click.Context) -> Iterable[str]:
    from nas.training import builtin_recipes

    return [*builtin_recipes(), "paper"]


def _objectives(_ctx: click.Context) -> Iterable[str]:
    from nas.study import known_objectives

    return known_objectives()


def _tasks(_ctx: click.Context) -> Iterable[str]:
    return entry_names("nas.tasks")


def _samplers(_ctx: click.Context) -> Iterable[str]:
    return entry_names("nas.samplers")


def _studies(ctx: click.Context) -> Iterable[str]:
    """Return the names of the studies."""
    from nas.store import open_store

    db = ctx.params.get("db") or os.environ.get("NAS_DB")
    if db is not None and db.startswith("postgresql") and "connect_timeout" not in db:
        db += f"{'&' if '?' in db else '?'}connect_timeout={_CONNECT_SECONDS}"
    with open_store(db, read_only=True) as store:
        return store.names()


_OFFERS: Mapping[str, _Offer] = {
    "space_name": _spaces,
    "space": _spaces,
    "spaces": _spaces,
    "arch": _networks,
    "against": _networks,
    "task": _tasks,
    "recipe": _recipes,
    "sampler": _samplers,
    "samplers": _samplers,
    "formats": lambda _ctx: entry_names("nas.exports"),
    "objectives": _objectives,
    "study": _studies,
    "db": lambda _ctx: (),
}
