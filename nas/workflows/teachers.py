"""The teachers of a network, and the network whose weights it starts with.

Recipes name them by the hashes of their weights; this module finds their trials in the database.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nas.errors import NasError, WeightsError
from nas.metrics import metric
from nas.results import StudyResults
from nas.space import parse_input
from nas.storage import File, Storage, file_sha256, file_text
from nas.store import Store
from nas.study import StartWeights, StudySpec, Teacher, Trial
from nas.workflows.networks import study_trial, trial_place
from nas.workflows.trained_weights import check_kept, find_start, trial_weights

if TYPE_CHECKING:
    from nas.training import Task

OWN = "study"  # the word for the study of the network that is taught
MOST = 5  # teachers of one study: each needs a forward pass for every batch


def best_networks(found: StudyResults) -> list[Trial]:
    """Return the networks of a study that may be teachers, the best first, one training of each.

    They are complete candidates and references, in the order of the mean of the reported metric on
    validation. The first training of each is taken, because selecting its best seed is biased.

    Raises:
        NasError: there is none.
    """
    reported = metric(found.spec.metrics[0])
    means = {number: own.mean for number in found.trainings if (own := found.estimate(number))}
    order = sorted(means, key=lambda number: (reported.loss(means[number]), number))
    chosen = [found.trainings[number][0] for number in order[:MOST]]
    if not chosen:
        raise NasError(
            f"the study {found.spec.name} has no complete network to teach.",
            "Name another study after --teacher, or leave it out.",
        )
    return chosen


def teacher_hashes(store: Store, words: str, own: str | None) -> tuple[str, ...]:
    """Return the SHA-256 of the weights that `words`, separated by commas, name.

    Each word is a study, which means its best networks, or one trial as STUDY#N. `study` is the
    study `own`, of the network that is taught.

    Raises:
        NasError: there is no such study or trial, or it has no weights.
    """
    return hashes_of(
        trial for word in words.split(",") for trial in _named(store, word.strip(), own)
    )


def hashes_of(trials: Iterable[tuple[str, Trial]]) -> tuple[str, ...]:
    """Return the SHA-256 of the weights of `trials`, each once; each is a study with its trial.

    Raises:
        NasError: a trial has no weights.
        WeightsError: they were removed after its study.
    """
    return tuple(dict.fromkeys(_sha256(study, trial) for study, trial in trials))


def teacher_names(store: Store, recipe: str) -> tuple[str, ...]:
    """Return the trials whose weights the text of a recipe names, as STUDY#N.

    Raises:
        NasError: no trial of the database has such weights.
    """
    from nas.training import read_recipe  # loads torch

    hashes = read_recipe(recipe, "the recipe").teacher
    return tuple(f"{study}#{number}" for study, number in _trials(store, hashes))


def teachers_of(store: Store, spec: StudySpec, task: "Task") -> tuple[Teacher, ...]:
    """Return the teachers of a study that is trained on `task`, with their weights checked.

    Raises:
        WeightsError: the weights of one are missing or changed.
        NasError: one has another task, other images, or another validation split.
    """
    from nas.training import read_recipe

    hashes = read_recipe(spec.recipe, "the study's recipe").teacher
    found = zip(hashes, _trials(store, hashes), strict=True)
    return tuple(_teacher(store, sha256, *place, spec, task) for sha256, place in found)


def start_hash(store: Store, word: str) -> str:
    """Return the SHA-256 of the weights of a trial, STUDY#N, or of the best one of a study.

    Raises:
        NasError: there is no such study or trial, or it has no weights.
    """
    study, number = trial_place(word) or (word, None)
    return _sha256(study, study_trial(store, study, number)[1])


def start_of(store: Store, recipe: str, storage: Storage) -> StartWeights | None:
    """Return the initial weights that the text of a recipe names; None if it names none.

    They are those of a trial, or of a file that is kept in `storage`.

    Raises:
        WeightsError: they are missing or changed.
        NasError: no trial of the database has them.
    """
    from nas.training import read_recipe  # loads torch

    hashes = read_recipe(recipe, "the study's recipe").start
    for sha256 in hashes:
        if store.find_weights(sha256) is None and (file := find_start(sha256, storage)):
            return StartWeights("a file of weights", file_text(file), sha256)
    for sha256, (study, number) in zip(hashes, _trials(store, hashes), strict=True):
        name, trial = f"{study}#{number}", study_trial(store, study, number)[1]
        return StartWeights(name, file_text(_file(store, name, store.spec(study), trial)), sha256)
    return None


def _named(store: Store, word: str, own: str | None) -> Iterable[tuple[str, Trial]]:
    if place := trial_place(word):
        return [(place[0], study_trial(store, *place)[1])]
    name = own if word == OWN else word
    if name is None:
        raise NasError(
            "--teacher study names no study: the network comes from none.",
            "Name the study: --teacher STUDY",
        )
    found = StudyResults(store.spec(name), store.trials(name), store.reports(name))
    return [(name, trial) for trial in best_networks(found)]


def _sha256(study: str, trial: Trial) -> str:
    if trial.final is None or trial.weights_path is None or trial.weights_sha256 is None:
        raise NasError(
            f"trial {trial.number} of {study} is {trial.state.value.lower()}: it has no weights.",
            "Name a complete trial, or the study alone.",
        )
    check_kept(study, trial)
    return trial.weights_sha256


def _trials(store: Store, hashes: Iterable[str]) -> list[tuple[str, int]]:
    """Return the study and the number of the first trial with each of these weights."""
    places = [store.find_weights(sha256) for sha256 in hashes]
    for sha256, place in zip(hashes, places, strict=True):
        if place is None:
            raise NasError(
                f"no trial in {store.shown} has the weights {sha256[:12]}… of the recipe.",
                "Name the database of its study with --db, or other networks.",
            )
    return [place for place in places if place is not None]


def _teacher(
    store: Store, sha256: str, study: str, number: int, spec: StudySpec, task: "Task"
) -> Teacher:
    from nas.training import load_study_task

    theirs, name = store.spec(study), f"{study}#{number}"
    _check_alike(theirs, name, spec, task)
    trial = study_trial(store, study, number)[1]
    file = _file(store, name, theirs, trial)
    images = parse_input(theirs.task_input) if theirs.task_input else task.input
    scaled = task
    if (images, theirs.limit) != (task.input, spec.limit):
        scaled = load_study_task(theirs, spec.data_dir)
    layers = theirs.task_layers(trial.architecture, images, task.outputs)
    return Teacher(name, file_text(file), sha256, tuple(layers), scaled.mean, scaled.std)


def _file(store: Store, name: str, theirs: StudySpec, trial: Trial) -> File:
    """Return the weights of a trial `name` of the study `theirs`.

    Raises:
        WeightsError: they are missing or changed.
    """
    try:
        file = trial_weights(store, theirs, trial)
    except WeightsError as error:
        raise WeightsError(f"{name} cannot be used: {error.cause}", error.remedy) from error
    if file_sha256(file) != trial.weights_sha256:
        raise WeightsError(
            f"{name} cannot be used: its weights {file} have changed since they were recorded.",
            "Restore the original file, or name another trial.",
        )
    return file


def _check_alike(theirs: StudySpec, name: str, spec: StudySpec, task: "Task") -> None:
    """Refuse a teacher of other classes, or one that may have seen validation images.

    Raises:
        NasError: its task, images, classes or seed differ.
    """
    if theirs.task != spec.task:
        raise NasError(
            f"the teacher {name} was trained on the task {theirs.task}, not on {spec.task}.",
            f"Name teachers of a study on {spec.task}.",
        )
    images = task.identity
    held = theirs.data and (theirs.data.digest, theirs.data.val, theirs.data.test)
    if held and held != (images.digest, images.val, images.test):
        raise NasError(
            f"the teacher {name} was trained on other images or classes than this training has.",
            "Name teachers that were trained on the same images.",
        )
    if theirs.seed != spec.seed:
        raise NasError(
            f"the study of the teacher {name} has the seed {theirs.seed}, this one {spec.seed}: it "
            "may have been trained on images of this validation split.",
            f"Give --seed {theirs.seed}.",
        )
