"""Train: one network to the end, or two to compare, as a study without a search."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.metrics import CLASSIFICATION, metric
from nas.space import (
    NamedNetwork,
    SearchSpace,
    Stated,
    check_strides,
    given_strides,
    is_arch_id,
    load_space,
    usual_input,
)
from nas.store import is_name, open_store
from nas.study import TASKS, FixedNetwork, StudySpec
from nas.workflows import events
from nas.workflows.network_requests import NetworkRequest
from nas.workflows.networks import network_in, study_trial, trial_network, trial_place
from nas.workflows.plan import check_task_loaders
from nas.workflows.requests import ETA, SPACE, RunRequest, TrainRequest
from nas.workflows.resumption import open_to_run
from nas.workflows.search_run import SearchOutcome, enter, finish
from nas.workflows.teachers import (
    start_hash,
    start_of,
    teacher_hashes,
    teacher_names,
    teachers_of,
)
from nas.workflows.trained_weights import content_hash, is_start_file, keep_start, start_content

if TYPE_CHECKING:
    from nas.space import Head
    from nas.training import Recipe


@dataclass(frozen=True, kw_only=True)
class _Subject(NamedNetwork):
    """One network to train, counted at its deployment; `spec` is the study that it is a trial of.

    `stated` has its strides, also those on the images of the task.
    """

    stated: Stated
    spec: StudySpec | None = None
    origin: str | None = None

    def fixed(self) -> FixedNetwork:
        """Return the network as it is recorded in its study."""
        text, stated = self.architecture.text, self.stated
        return FixedNetwork(
            self.name, self.space.name, text, stated.deployment, stated.task, self.origin
        )


@dataclass(frozen=True)
class _Measuring:
    """The task and the recipe by which the networks are trained."""

    task: str
    metrics: tuple[str, ...]
    head: "Head | None"
    own: StudySpec | None  # the study that the network comes from, if it has the same task
    recipe_name: str
    recipe: "Recipe"
    epochs: int
    teachers: tuple[str, ...] = ()


def train(
    request: TrainRequest,
    run: RunRequest,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> SearchOutcome:
    """Create the study of `request` in the database `db`, run it and export its network.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and its measurements are kept.
    """
    from nas.tuner import started_ahead
    from nas.workflows.preflight_checks import preflight

    spec, own = plan_training(request, db)
    check_task_loaders(run.loaders, spec.task)
    with started_ahead(run.ray_address):  # while the data is read
        ready = preflight(spec, run)
        if own is not None and request.task_strides is None:
            ready = replace(ready, spec=_for_images(ready.spec, own))
        change = own.data.change(ready.task.identity) if own and own.data else ""
        if own is not None and change:
            on_event(events.OtherImages(own.name, change))
        with open_to_run(db, on_event) as store:
            store.look_in(run.results_dir)
            teachers_of(store, ready.spec, ready.task)  # refuses unsuitable teachers
            if request.start is not None and is_start_file(request.start):
                keep_start(_start_content(request.start, spec), run.files)
            start_of(store, ready.spec.recipe, run.files)
            entered = enter(store, ready, request.name, run)
            return finish(store, ready.named(entered), run, on_event)


def _for_images(spec: StudySpec, own: StudySpec) -> StudySpec:
    """Return `spec` without the task strides of `own` if its images have another size."""
    if own.task_input in (None, spec.task_input):
        return spec
    networks = tuple(replace(network, task_strides=()) for network in spec.networks)
    return replace(spec, networks=networks, task_strides=())


def plan_training(request: TrainRequest, db: str | None) -> tuple[StudySpec, StudySpec | None]:
    """Return the new study, and the study that its network comes from if the task is the same.

    Raises:
        NasError: a setting cannot be used; nothing has been created.
    """
    subject = _subject(request, db)
    rival = _rival(request, subject, db) if request.against is not None else None
    how = _measuring(request, subject, db)
    subject = _with_task_strides(request, _deployed(subject, how), how)
    networks = [subject.fixed()]
    texts = {subject.space.name: subject.space.source}
    if rival is not None:
        networks.append(_alike(request, _deployed(rival, how), subject).fixed())
        texts.setdefault(rival.space.name, rival.space.source)
        _check_texts(subject, rival)
    (space_name, space_text), *more = texts.items()
    stated, own, data_dir = subject.stated, how.own, request.data
    spec = StudySpec(
        name=request.name or _default_name(subject.name, how),
        space_name=space_name,
        space_text=space_text,
        budget=(),
        input=str(subject.input),
        classes=subject.classes,
        task=how.task,
        data_dir=str(data_dir.resolve()) if data_dir else own.data_dir if own else None,
        recipe=f"# {how.recipe_name}\n{how.recipe.text}",
        rungs=(how.epochs,),
        eta=ETA,
        objectives=(how.metrics[0], "madds"),
        reference_point=(metric(how.metrics[0]).reference, 1.0),
        sampler="none",
        num_trials=1,
        published=False,
        seed=own.seed if own else request.seed,
        limit=request.limit or (own.limit if own else None),
        more_spaces=tuple(more),
        reuse=request.reuse,
        confirm=1,
        seeds=request.seeds,
        reference_seeds=request.seeds,
        image_size=request.image_size or (own.image_size if own else None),
        skip_corrupt=request.skip_corrupt or bool(own and own.skip_corrupt),
        strides=stated.deployment,
        task_strides=stated.task,
        stride_rule=stated.rule,
        networks=tuple(networks),
        first_seed=request.seed,
        teachers=how.teachers,
        metrics=how.metrics,
    )
    for architecture in (entry.architecture for entry in spec.fixed):
        spec.deployed_layers(architecture)  # refuses typed strides that do not fit
    return spec, own


def _subject(request: TrainRequest, db: str | None) -> _Subject:
    """Return the named network, with the strides that are stated for it."""
    if request.arch is not None:
        space = load_space(request.space or SPACE)
        return _of_space(request, request.arch, space, db)
    if request.study is None:
        raise NasError("no network was named.", "Name a study, or an architecture of a space.")
    return _of_study(request.study, request.trial, db)


def _of_space(request: TrainRequest, arch: str, space: SearchSpace, db: str | None) -> _Subject:
    named = NetworkRequest(arch=arch, space=request.space, db=db if is_arch_id(arch) else None)
    found = network_in(space, named)
    stated = Stated(given_strides([found.space], request.strides) or found.strides)
    return _Subject(**vars(found), stated=stated)


def _of_study(study: str, number: int | None, db: str | None) -> _Subject:
    with open_store(db, create=False, read_only=True) as store:
        results, trial = study_trial(store, study, number)
    spec = results.spec
    found = trial_network(spec, trial)
    origin = f"{spec.name}#{trial.number}"
    return _Subject(**vars(found), stated=spec.stated(found.space), spec=spec, origin=origin)


def _rival(request: TrainRequest, subject: _Subject, db: str | None) -> _Subject:
    """Return the network of `against`, at the deployment of `subject`.

    Raises:
        NasError: it does not exist, or is the subject itself.
    """
    against = request.against or ""
    rival = _named_rival(against, request, subject, db)
    same = rival.architecture == subject.architecture
    if same and rival.space == subject.space:
        raise NasError(f"{against} would be compared with itself.", "Name another network.")
    return replace(rival, input=subject.input, classes=subject.classes)


def _named_rival(
    against: str, request: TrainRequest, subject: _Subject, db: str | None
) -> _Subject:
    if place := trial_place(against):
        return _of_study(*place, db)
    listed = "=" in against or subject.space.known(against) is not None
    if not listed and is_name(against) and _is_study(against, db):
        return _of_study(against, None, db)
    own = request.study is not None and listed and request.space is None
    space = subject.space if own else load_space(request.space or SPACE)
    return _of_space(request, against, space, db)


def _is_study(name: str, db: str | None) -> bool:
    try:
        with open_store(db, create=False, read_only=True) as store:
            return name in store.names()
    except NasError:  # without a database there is no such study
        return False


def _measuring(request: TrainRequest, subject: _Subject, db: str | None) -> _Measuring:
    """Read the task and the recipe.

    Raises:
        NasError: there is no such task, or no such recipe.
    """
    from nas.training import load_recipe, read_recipe, recipe_name  # loads torch

    spec = subject.spec
    usual = spec.task if spec is not None else "digits"
    task = request.task or (usual if request.data is None else "folder")
    kind = TASKS.load(task)
    own = spec if spec is not None and task == spec.task else None
    name = recipe_name(request.recipe or kind.recipe, task)
    if own is not None and request.recipe is None:
        recipe = read_recipe(own.recipe, "the study's recipe")
        longest = 0 if request.teacher else recipe.epochs
        epochs = max(longest, own.ladder.max_epochs)
    else:
        recipe = load_recipe(name)
        epochs = recipe.epochs
    recipe, teachers = _taught(request, subject, recipe, db)
    if teachers and kind.metrics != CLASSIFICATION:
        raise NasError(
            f"networks cannot be taught on the task {task}: it has no classes.",
            "Leave --teacher out.",
        )
    if request.sets("epochs"):
        epochs = recipe.epochs
    return _Measuring(
        task, kind.metrics, kind.head, own, name, recipe, request.epochs or epochs, teachers
    )


def _taught(
    request: TrainRequest, subject: _Subject, recipe: "Recipe", db: str | None
) -> tuple["Recipe", tuple[str, ...]]:
    """Return the recipe with the settings, teachers and initial weights of the request.

    The second value is the names of the teachers.
    """
    from nas.training import override  # loads torch

    if request.start is not None:
        recipe = replace(recipe, start=(_start_hash(request.start, subject, db),))
    if request.teacher is None:
        recipe = override(recipe, request.settings)
        if not recipe.teacher:
            return recipe, ()
    with open_store(db, create=False, read_only=True) as store:
        if request.teacher is not None:
            own = subject.spec.name if subject.spec else None
            hashes = teacher_hashes(store, request.teacher, own)
            recipe = override(replace(recipe, teacher=hashes), request.settings)
        return recipe, teacher_names(store, recipe.text)


def _start_hash(word: str, subject: _Subject, db: str | None) -> str:
    """Return the hash of the weights that `word` names: those of a file, or of a trial."""
    if is_start_file(word):
        return content_hash(start_content(word, subject.space, subject.architecture))
    with open_store(db, create=False, read_only=True) as store:
        return start_hash(store, word)


def _start_content(file: str, spec: StudySpec) -> bytes:
    """Return the weights in `file` for the first network of `spec`."""
    first = spec.fixed[0].architecture
    return start_content(file, spec.space_of(first), first)


def _deployed(subject: _Subject, how: _Measuring) -> _Subject:
    """Return a network at the default deployment of the head of its task, if it has its own."""
    if how.head is None or how.own is not None:
        return subject
    place = usual_input(subject.space, how.head)
    return replace(subject, input=place, classes=how.head.outputs)


def _with_task_strides(request: TrainRequest, subject: _Subject, how: _Measuring) -> _Subject:
    """Return a network with the strides on the images: those typed, else those of the same task."""
    typed = given_strides([subject.space], request.task_strides, "--task-strides")
    task = typed or (subject.stated.task if how.own is not None else ())
    return replace(subject, stated=replace(subject.stated, task=task))


def _alike(request: TrainRequest, rival: _Subject, subject: _Subject) -> _Subject:
    """Return `rival` with the strides of `subject`; in another space only with typed strides.

    Raises:
        NasError: typed strides do not fit the space of `rival`.
    """
    stated = subject.stated
    if rival.space.name != subject.space.name:
        stated = Stated(
            stated.deployment if request.strides else (),
            stated.task if request.task_strides else (),
            stated.rule,
        )
    for strides, option in ((stated.deployment, "--strides"), (stated.task, "--task-strides")):
        if strides:
            check_strides(rival.space, strides, option)
    return replace(rival, stated=stated)


def _check_texts(subject: _Subject, rival: _Subject) -> None:
    """Refuse two networks that one study cannot hold.

    Raises:
        NasError: their spaces differ but have one name, or only the stems or heads differ.
    """
    if subject.space.name == rival.space.name and subject.space.source != rival.space.source:
        raise NasError(
            f"there are two spaces called {subject.space.name}, with different files.",
            "Give one of them another name.",
        )
    if subject.architecture == rival.architecture:
        raise NasError(
            f"{subject.name} and {rival.name} differ only in their stem or head.",
            "Train each of them without --against.",
        )


def _default_name(network: str, how: _Measuring) -> str:
    parts = dict.fromkeys((network, how.task, Path(how.recipe_name).stem))
    name = "-".join(("train", *parts)).lower()
    return re.sub(r"[^a-z0-9_-]", "_", name)[:60].rstrip("-_")
