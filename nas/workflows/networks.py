"""The network of a request, with the input and the classes at which it is counted."""

from collections.abc import Iterator
from dataclasses import replace

from nas.errors import NasError
from nas.results import StudyResults
from nas.space import (
    NamedNetwork,
    Published,
    SearchSpace,
    builtin_names,
    given_strides,
    head_of,
    is_arch_id,
    known_detectors,
    load_space,
    parse_input,
    usual_input,
)
from nas.store import Store, open_store, read_address
from nas.study import TASKS, StudySpec, Trial
from nas.suggestion import nearest
from nas.workflows.network_requests import NetworkRequest
from nas.workflows.requests import SPACE


def network_of(request: NetworkRequest) -> NamedNetwork:
    """Return the network of `request`: a trial of a study, a known one, or given choices.

    Raises:
        NasError: there is no such network.
    """
    if request.arch is not None:
        return network_in(load_space(request.space or SPACE), request)
    if request.study is None:
        raise NasError("no network was named.", "Name a study, or an architecture of a space.")
    with open_store(request.db, create=False, read_only=True) as store:
        results, trial = study_trial(store, request.study, request.trial)
    return trial_network(results.spec, trial, request.input, request.classes, request.strides)


def trial_place(word: str) -> tuple[str, int] | None:
    """Return the study and the number in a word of the form STUDY#N; None for other words."""
    study, _, number = word.rpartition("#")
    return (study, int(number)) if study and number.isdecimal() else None


def study_trial(store: Store, study: str, number: int | None) -> tuple[StudyResults, Trial]:
    """Return the results of a study and its trial `number`; the best trial if that is None.

    The trainings of its network have all their measurements, other trials only the last one.

    Raises:
        NasError: there is no such study or trial.
    """
    trials = store.trials(study, curves=False)
    results = StudyResults(store.spec(study), trials, store.reports(study))
    if number is None:
        found = results.best
    else:
        found = next((trial for trial in trials if trial.number == number), None)
    if found is None:
        last = max((trial.number for trial in trials), default=None)
        known = "it has none yet" if last is None else f"its trials are 0 to {last}"
        what = "complete trial yet" if number is None else f"trial {number}: {known}"
        raise NasError(
            f"the study {study} has no {what}.", f"To see them: {store.command(f'show {study}')}"
        )
    whole = store.with_curves(study, results.all_trainings(found))
    trials = [whole.get(trial.number, trial) for trial in trials]
    return replace(results, trials=trials), whole[found.number]


def trial_network(
    spec: StudySpec,
    trial: Trial,
    input_: str | None = None,
    classes: int | None = None,
    strides: str | None = None,
) -> NamedNetwork:
    """Return the network of a trial at the deployment of its study, or at the given one."""
    space = spec.space_of(trial.architecture)
    stated = given_strides([space], strides)
    if not stated:
        stated = spec.stated(space).deployment if input_ else spec.deployed(space).strides
    return NamedNetwork(
        name=spec.network_name(trial),
        space=space,
        architecture=trial.architecture,
        input=parse_input(input_) if input_ else spec.deployment,
        classes=classes or spec.classes,
        strides=stated,
        head=spec.head,
    )


def network_in(space: SearchSpace, request: NetworkRequest) -> NamedNetwork:
    """Return the architecture of `request` in `space`: a known one, full choices, or an id.

    An `arch_id`, or at least six of its digits, is searched among the trials of the database and
    the known networks. With a `task` the network has the head of that task.

    Raises:
        NasError: there is no such network, several have this id, the input size or the strides
            are invalid, or the task has no own head.
    """
    found = _network_in(space, request)
    if request.task is None:
        return found
    head = TASKS.load(request.task).head
    if head is None:
        raise NasError(
            f"the networks of the task {request.task} end in a classifier, as without a task.",
            "Leave --task out, or name a task with another head, such as coco.",
        )
    return replace(
        found,
        input=found.input if request.input else usual_input(found.space, head),
        classes=request.classes or head.outputs,
        strides=found.strides if request.input or request.strides else (),
        head=head,
    )


def _network_in(space: SearchSpace, request: NetworkRequest) -> NamedNetwork:
    arch = request.arch or ""
    known = _known(space, arch)
    if known is None and is_arch_id(arch):
        return _by_id(arch.lower(), space, request)
    if known is None and "=" not in arch:
        _check_space(arch, space)
    architecture = known.architecture if known else space.parse(arch)
    shape = known.input if known else space.deployment
    return NamedNetwork(
        name=known.name if known else f"{space.name}-{architecture.arch_id}",
        space=known.space if known else space,
        architecture=architecture,
        input=parse_input(request.input) if request.input else shape,
        classes=request.classes or (known.classes if known else space.classes),
        strides=given_strides([space], request.strides),
        head=head_of(known),
    )


def _known(space: SearchSpace, name: str) -> Published | None:
    """Return the known network of `space` called `name`, which may be a detector, or None."""
    detectors = (entry for entry in known_detectors(space) if entry.name == name)
    return space.known(name) or next(detectors, None)


def _check_space(name: str, space: SearchSpace) -> None:
    """Refuse the name of a known network of another space, and a name similar to one.

    Raises:
        NasError: `name` is, or resembles, a network of a built-in space other than `space`.
    """
    # names of `space` take precedence
    entries = {entry.name: entry for _, entry in reversed([*_entries(space)])}
    near = nearest(name, entries, most=1)
    if not near or _known(space, near[0]) is not None:
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


def _by_id(prefix: str, space: SearchSpace, request: NetworkRequest) -> NamedNetwork:
    """Return the only network whose id begins with `prefix`; in the named space, if any."""
    found, place = _recorded(prefix, request)
    for of, entry in _entries(space):
        if entry.architecture.arch_id.startswith(prefix):
            network = network_in(of, replace(request, arch=entry.name))
            found.setdefault(entry.architecture.arch_id, network)
    if request.space is not None:
        found = {key: one for key, one in found.items() if one.space.name == space.name}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        several = ", ".join(f"{key} ({one.name})" for key, one in sorted(found.items()))
        raise NasError(f"several networks have the id {prefix}: {several}.", "Add digits.")
    raise NasError(
        f"no network has the id {prefix}: neither a known one nor {place}.",
        "Name the database of its study with --db; nas show STUDY prints the ids.",
    )


def _entries(space: SearchSpace) -> Iterator[tuple[SearchSpace, Published]]:
    """Yield the known networks of `space` and of the built-in spaces, each with its space."""
    others = (load_space(name) for name in builtin_names() if name != space.name)
    for each in (space, *others):
        for entry in (*each.published, *each.variants, *known_detectors(each)):
            yield each, entry


def _recorded(prefix: str, request: NetworkRequest) -> tuple[dict[str, NamedNetwork], str]:
    """Return the networks of a database by id, the newest study first, and a text for errors."""
    db, words = request.db, (request.input, request.classes, request.strides)
    address = read_address(db)
    if db is None and address.path is not None and not address.path.exists():
        return {}, f"one of {address.shown}, which does not exist"
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
