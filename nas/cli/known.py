"""The network that `--space` and `--arch` name, with the input and the classes it is counted at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from nas.space import is_arch_id

if TYPE_CHECKING:
    from nas.results import StudyResults
    from nas.space import Adaptation, Architecture, Layer, Published, SearchSpace, Shape, Strides
    from nas.store import Store
    from nas.study import StudySpec, Trial


@dataclass(frozen=True)
class NamedNetwork:
    """One architecture, and the space that has its stem and head; `name` fits a file.

    `strides` are those that the user states, empty where the rule decides (`nas.space.strides`).
    """

    name: str
    space: "SearchSpace"
    architecture: "Architecture"
    input: "Shape"
    classes: int
    strides: "Strides" = ()

    @property
    def place(self) -> "tuple[Shape, int, Strides]":
        """Where it is counted: the input, the classes, the strides that are stated."""
        return self.input, self.classes, self.strides

    @property
    def adaptation(self) -> "Adaptation":
        """The strides in force."""
        from nas.space import adapt

        return adapt(self.space, self.input, self.strides)

    def layers(self) -> "list[Layer]":
        """Return the layers of the network."""
        from nas.space import lower

        return lower(self.space, self.architecture, self.input, self.classes, self.strides)


def network_of(given: "Mapping[str, Any]", verb: str) -> NamedNetwork:
    """Return the network that the options of `nas VERB` name: a trial of a STUDY, or --arch.

    Raises:
        NasError: they name none, or more than one.
    """
    from nas.store import open_store

    check_named(given, verb)
    words = (given["input_"], given["classes"], given["strides"])
    if given["arch"] is not None:
        return named_network(given["space_name"], given["arch"], *words, db=given["db"])
    with open_store(given["db"], create=False, read_only=True) as store:
        results, trial = study_trial(store, given["study"], given["trial"])
    return trial_network(results.spec, trial, *words)


def check_named(given: "Mapping[str, Any]", verb: str) -> None:
    """Refuse a call that names no network, or more than one."""
    from nas.errors import NasError

    chosen = sum((given["best"], given["trial"] is not None, given["arch"] is not None))
    if chosen != 1 or (given["arch"] is None) != bool(given["study"]):
        raise NasError(
            f"say which network nas {verb} is for.",
            f"Type: nas {verb} STUDY --best, or STUDY --trial N, or --arch NAME.",
        )


def study_trial(store: "Store", study: str, number: int | None) -> "tuple[StudyResults, Trial]":
    """Return what a study found and its trial `number`; the best one where that is None.

    Raises:
        NasError: there is no such study or trial.
    """
    from nas.errors import NasError
    from nas.results import StudyResults

    trials = store.trials(study)
    results = StudyResults(store.spec(study), trials, store.reports(study))
    if number is None:
        found = results.best
    else:
        found = next((trial for trial in trials if trial.number == number), None)
    if found is None:
        what = "complete trial yet" if number is None else f"trial {number}"
        raise NasError(f"{study} has no {what}.", f"See: {store.command(f'show {study}')}")
    return results, found


def trial_network(
    spec: "StudySpec",
    trial: "Trial",
    input_: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
) -> NamedNetwork:
    """Return the network of a trial at the deployment of its study, or at what is given."""
    from nas.space import given_strides, parse_input

    space = spec.space_of(trial.architecture)
    stated = given_strides([space], strides)
    if not stated:
        stated = spec.strides if input_ else spec.deployed(space).strides
    return NamedNetwork(
        name=trial.reference or f"{spec.name}-trial-{trial.number}",
        space=space,
        architecture=trial.architecture,
        input=parse_input(input_) if input_ else spec.deployment,
        classes=classes or spec.classes,
        strides=stated,
    )


def named_network(
    space_name: str,
    arch: str,
    input_: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    db: str | None = None,
) -> NamedNetwork:
    """Return the network that `arch` names in the space of that name or file, as `network_in`."""
    from nas.space import load_space

    return network_in(load_space(space_name), arch, input_, classes, strides, db)


def network_in(
    space: "SearchSpace",
    arch: str,
    input_: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
    db: str | None = None,
) -> NamedNetwork:
    """Return the network that `arch` names: a known one, the choices in full, or an `arch_id`.

    An id, or six of its digits or more, is looked up among the trials of the database `db` and the
    known networks. `input_`, `classes` and `strides` replace those of the entry, or of the space.

    Raises:
        NasError: there is no such network, several have that id, or the input size or the strides
            cannot be read.
    """
    from nas.space import given_strides, parse_input

    known = space.known(arch)
    if known is None and is_arch_id(arch):
        return _by_id(arch.lower(), space, (input_, classes, strides), db)
    if known is None and "=" not in arch:
        _check_space(arch, space)
    architecture = known.architecture if known else space.parse(arch)
    shape = known.input if known else space.deployment
    return NamedNetwork(
        name=known.name if known else f"{space.name}-{architecture.arch_id}",
        space=known.space if known else space,
        architecture=architecture,
        input=parse_input(input_) if input_ else shape,
        classes=classes or (known.classes if known else space.classes),
        strides=given_strides([space], strides),
    )


def _check_space(name: str, space: "SearchSpace") -> None:
    """Refuse the name of a known network of another space, and a name that is nearest to one.

    Raises:
        NasError: `name` is, or resembles, a network of a built-in space other than `space`.
    """
    from nas.errors import NasError
    from nas.suggestion import nearest

    entries = {entry.name: entry for entry in reversed([*_entries(space)])}  # those of `space` win
    near = nearest(name, entries, most=1)
    if not near or space.known(near[0]) is not None:
        return
    other = entries[near[0]].space.name
    if near[0] == name:
        raise NasError(
            f"{name} is a network of the space {other}, not of {space.name}.",
            f"Add --space {other}.",
        )
    raise NasError(
        f"the space {space.name} has no architecture called {name!r}.",
        f"Did you mean {near[0]} of another space? Type: --space {other} --arch {near[0]}",
    )


_Words: TypeAlias = tuple[str | None, int | None, str | None]


def _by_id(prefix: str, space: "SearchSpace", words: _Words, db: str | None) -> NamedNetwork:
    """Return the one network whose id begins with `prefix`; only of `space` where it was typed."""
    from nas.cli.effects import was_typed
    from nas.errors import NasError

    found, place = _recorded(prefix, words, db)
    for entry in _entries(space):
        if entry.architecture.arch_id.startswith(prefix):
            network = named_network(entry.space.name, entry.name, *words)
            found.setdefault(entry.architecture.arch_id, network)
    if was_typed("space_name"):
        found = {key: one for key, one in found.items() if one.space.name == space.name}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        several = ", ".join(f"{key} ({one.name})" for key, one in sorted(found.items()))
        raise NasError(f"the id {prefix} is that of several networks: {several}.", "Add digits.")
    raise NasError(
        f"no network has the id {prefix}: neither a known one nor {place}.",
        "Name the database of its study with --db; nas show STUDY prints the ids.",
    )


def _entries(space: "SearchSpace") -> "Iterator[Published]":
    """Yield the known networks of `space` and of the built-in spaces."""
    from nas.space import builtin_names, load_space

    others = (load_space(name) for name in builtin_names() if name != space.name)
    for each in (space, *others):
        yield from (*each.published, *each.variants)


def _recorded(prefix: str, words: _Words, db: str | None) -> tuple[dict[str, NamedNetwork], str]:
    """Return the networks of a database by id, the newest study first, and what was asked."""
    from nas.store import open_store, read_address

    address = read_address(db)
    if db is None and address.path is not None and not address.path.exists():
        return {}, f"one of {address.shown}, which is not there"
    found: dict[str, NamedNetwork] = {}
    with open_store(db, create=False, read_only=True) as store:
        for study, number in store.find_architectures(prefix):
            results, trial = study_trial(store, study, number)
            network = replace(
                trial_network(results.spec, trial, *words),
                name=trial.reference or f"{trial.architecture.space}-{trial.arch_id}",
            )
            found.setdefault(trial.arch_id, network)
        return found, f"one of {store.shown}"
