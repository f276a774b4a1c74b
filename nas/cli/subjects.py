"""The networks that `nas train` trains: its subject, and the rival that it is compared with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.cli import effects
from nas.cli.training import Subject, TrainingPlan, earlier_errors
from nas.errors import NasError
from nas.space import SearchSpace, Stated, check_strides, given_strides, load_space
from nas.store import Store, open_store
from nas.study import StudySpec
from nas.workflows import SPACE, NetworkRequest, network_in, study_trial, trial_network


def from_space(given: dict[str, Any], space: SearchSpace) -> Subject:
    """Return the network that --arch names in `space`, with the strides that were typed.

    Raises:
        NasError: there is no such network, or the strides do not fit it.
    """
    named = given["space_name"] if effects.was_typed("space_name") else None
    found = network_in(space, NetworkRequest(arch=given["arch"], space=named))
    space = found.space
    stated = Stated(
        given_strides([space], given["strides"]) or found.strides,
        given_strides([space], given["task_strides"], "--task-strides"),
    )
    return Subject(found.name, space, found.architecture, found.input, found.classes, stated=stated)


def from_study(store: Store, study: str, number: int | None) -> tuple[StudySpec, Subject]:
    """Return a study and its trial `number`, the best one where that is None.

    Raises:
        NasError: there is no such study or trial.
    """
    results, trial = study_trial(store, study, number)
    spec = results.spec
    found = trial_network(spec, trial)
    return spec, Subject(
        found.name, found.space, found.architecture, spec.deployment, spec.classes, spec.name,
        trial.number, spec.stated_strides,
    )  # fmt: skip


def on_images(
    subject: Subject, spec: StudySpec | None, plan: TrainingPlan, given: str | None
) -> Subject:
    """Return a network of a study with the strides that hold on the images of `plan`.

    Those that the study states for its own images hold on images of that size; `given` are those
    that this training states.
    """
    if spec is None:
        return subject
    own = plan.task_name == spec.task and spec.task_input in (None, str(plan.task.input))
    stated = given_strides([subject.space], given, "--task-strides")
    task = stated or (spec.task_strides if own else ())
    return replace(subject, stated=replace(subject.stated, task=task))


def rival_of(given: dict[str, Any], subject: Subject) -> Subject | tuple[str, list[float]] | None:
    """Return what --against names: a network to train too, or an earlier one and its errors.

    Raises:
        NasError: --against names nothing that is there, or the subject itself.
    """
    against = given["against"]
    if against is None:
        return None
    if (Path(against) / "result.json").is_file():
        return earlier_errors(Path(against))
    rival = _named_rival(against, given, subject)
    if rival.architecture == subject.architecture and rival.name == subject.name:
        raise NasError(f"{against} would be compared with itself.", "Name another network.")
    return replace(rival, deployment=subject.deployment, classes=subject.classes)


def _named_rival(against: str, given: dict[str, Any], subject: Subject) -> Subject:
    """Return trial N of `STUDY#N`, or the network of --space, else of the space of `subject`."""
    study, _, number = against.rpartition("#")
    if study and number.isdecimal():
        with open_store(given["db"], create=False, read_only=True) as store:
            return from_study(store, study, int(number))[1]
    listed = "=" in against or subject.space.known(against) is not None
    own = given["study"] and listed and not effects.was_typed("space_name")
    space = subject.space if own else load_space(given["space_name"] or SPACE)
    return from_space({**given, "arch": against}, space)


def alike(rival: Subject, subject: Subject) -> Subject:
    """Return `rival` with the strides of `subject`; in another space only with those typed.

    Raises:
        NasError: typed strides do not fit the space of `rival`.
    """
    stated = subject.stated
    if rival.space.name != subject.space.name:
        stated = Stated(
            stated.deployment if effects.was_typed("strides") else (),
            stated.task if effects.was_typed("task_strides") else (),
        )
    for strides, option in ((stated.deployment, "--strides"), (stated.task, "--task-strides")):
        if strides:
            check_strides(rival.space, strides, option)
    return replace(rival, stated=stated)
