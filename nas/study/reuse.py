"""Reuse: take the result of an earlier, equal training of the same network.

A result may be reused if all settings that affect it are equal, except the seed of the trial: the
text of the space (its stem and head), the strides at the deployment and on the images, the
deployment (for fvcore's count), the task with its images and limit, the recipe, the epochs of full
fidelity (the schedule depends on them), and the seed of the study, which determines the validation
split. The lower rungs must be equal only if the recipe ends a cycle of the learning rate at each
rung, or the study changes the resolution there; otherwise they have no effect on a complete trial.
Only complete trials are reused: a failed one may have failed because of its seed or machine, and a
stopped one has no final value.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from nas.space import Architecture, parse_input
from nas.storage import File, file_sha256
from nas.study.ports import StudyStore
from nas.study.spec import StudySpec
from nas.study.trial import Trial, TrialState

Found = Sequence[tuple[StudySpec, Trial]]


def comparable(mine: StudySpec, theirs: StudySpec, architecture: Architecture) -> bool:
    """Tell whether both studies train `architecture` in the same way."""
    return next(training_differences(mine, theirs, architecture), None) is None


def training_differences(
    mine: StudySpec, theirs: StudySpec, architecture: Architecture
) -> Iterator[str]:
    """Yield the differences between the trainings of `architecture`: `name: mine, not theirs`."""
    yield from study_differences(mine, theirs)
    name = architecture.space
    if name not in mine.spaces or name not in theirs.spaces:
        yield f"space: {','.join(mine.spaces)}, not {','.join(theirs.spaces)}"
    elif _stem_and_head(mine, architecture) != _stem_and_head(theirs, architecture):
        yield f"space: {name} was edited"
    elif not _same_strides(mine, theirs, architecture):
        yield "strides: other strides"


def study_differences(mine: StudySpec, theirs: StudySpec) -> Iterator[str]:
    """Yield the differences between the trainings of any network: `name: mine, not theirs`."""
    own, other = _training(mine), _training(theirs)
    for name, value in own.items():
        if value != other.get(name):
            yield f"{name}: {_shown(value)}, not {_shown(other.get(name))}"
    if _recipe(mine) != _recipe(theirs):
        yield f"recipe: {_recipe_difference(mine, theirs)}"
    if not _same_images(mine, theirs):
        yield "data: other images"


def with_earlier_result(
    spec: StudySpec, store: StudyStore, trials: Sequence[Trial], new: Trial
) -> Trial:
    """Return `new` with the result of an equal earlier training, if the study reuses one.

    `trials` are those of the study so far; `store` has those of other studies, too.
    """
    if not spec.reuse:
        return new
    found = store.complete_trials(spec.name, new.arch_id)
    if spec.networks:  # the user chose the seeds
        found = [(theirs, trial) for theirs, trial in found if trial.seed == new.seed]
    own = new.replicate_of
    group = [t for t in trials if own is not None and own in (t.number, t.replicate_of)]
    seeds = {trial.seed for trial in group}
    # The references of a search are only compared with, so that their weights are not needed.
    compared = not spec.networks and any(each.reference for each in (new, *group))
    old = _reusable(spec, new.architecture, found, store.weights_file, seeds, compared)
    return new if old is None else _with_result(spec, new, *old)


def _reusable(
    spec: StudySpec,
    architecture: Architecture,
    found: Found,
    weights_file: Callable[[str, Trial], File | None],
    seeds: Collection[int] = (),
    removed: bool = False,
) -> tuple[str, Trial] | None:
    """Return the first reusable trial of `found` for a training in `spec`, as (study, trial).

    `seeds` are the seeds with which the architecture has already been trained; trials with one of
    them are not reused. The weights, which `weights_file(study, trial)` returns, must still exist
    unchanged, so that they can be exported. With `removed`, a trial is also reused if its study
    removed the weights after its end. The first trial is taken and not the best, because choosing
    the best of several seeds would be optimistic.
    """
    for theirs, trial in found:
        if trial.seed in seeds or trial.origin is not None or trial.counted is None:
            continue
        deleted = removed and trial.weights_removed_at is not None
        if comparable(spec, theirs, architecture) and (
            deleted or _is_kept(trial, weights_file(theirs.name, trial))
        ):
            return theirs.name, trial
    return None


def _with_result(spec: StudySpec, new: Trial, study: str, old: Trial) -> Trial:
    """Return `new` as a COMPLETE trial with the result of `old`, a trial of `study`."""
    rungs = spec.ladder
    return replace(
        new,
        state=TrialState.COMPLETE,
        attempt=0,
        seed=old.seed,
        measurements=tuple(replace(m, rung=rungs.rung(m.epoch)) for m in old.measurements),
        counted=old.counted,
        finished_at=new.created_at,
        seconds=old.seconds,
        weights_path=old.weights_path,
        weights_sha256=old.weights_sha256,
        weights_removed_at=old.weights_removed_at,
        proxies=old.proxies,
        origin=f"{study}/{old.number}",
    )


def _stem_and_head(spec: StudySpec, architecture: Architecture) -> tuple[object, ...]:
    """Return the text of a space file, and the widths of stem and head.

    A known network may have another stem and head than the space file.
    """
    space = spec.space_of(architecture)
    return space.source, space.stem_width, space.head_width


def _same_strides(mine: StudySpec, theirs: StudySpec, architecture: Architecture) -> bool:
    """Tell whether `architecture` has the same strides in both, at the deployment and on images.

    Both studies have the same task. If one does not record its image size, that of the other is
    used for both.
    """
    space = mine.space_of(architecture)
    if mine.deployed(space) != theirs.deployed(space):
        return False
    sizes = {mine.task_input, theirs.task_input} - {None}
    if len(sizes) != 1:  # unknown, or the images have changed
        return not sizes and mine.stated_strides == theirs.stated_strides
    images = sizes.pop()
    assert images is not None
    shape = parse_input(images)
    return mine.trained(space, shape) == theirs.trained(space, shape)


def _same_images(mine: StudySpec, theirs: StudySpec) -> bool:
    """Tell whether both studies certainly measure on the same images.

    A task without a folder has fixed images. Studies of early versions do not record the identity
    of images in a folder.
    """
    if mine.data and theirs.data:
        return mine.data == theirs.data
    return mine.data_dir is None and theirs.data_dir is None


def _training(spec: StudySpec) -> dict[str, object]:
    """Return the settings of a training by name, without those of the recipe."""
    cycles = 'rungs = "complete"' in _recipe(spec)
    changes_at_rungs = cycles or bool(spec.resolutions)
    schedule = {"rungs": spec.rungs} if changes_at_rungs else {"epochs": spec.ladder.max_epochs}
    return {
        "task": spec.task,
        "metrics": spec.metrics,
        **schedule,
        "input": str(spec.deployment),
        "classes": spec.classes,
        "limit": spec.limit,
        "image size": spec.image_size,
        "skip corrupt": spec.skip_corrupt,
        "resolutions": spec.resolutions,
        "seed": spec.seed,  # of the validation split
    }


def _recipe(spec: StudySpec) -> list[str]:
    """Return the lines of the recipe, without its name."""
    named = spec.recipe.startswith("# ")
    return (spec.recipe.partition("\n")[2] if named else spec.recipe).splitlines()


def _recipe_difference(mine: StudySpec, theirs: StudySpec) -> str:
    """Return the names of two recipes, or the lines that only one of them has."""
    names = [spec.recipe.partition("\n")[0].removeprefix("# ") for spec in (mine, theirs)]
    if names[0] != names[1]:
        return f"{names[0]}, not {names[1]}"
    own, other = _recipe(mine), _recipe(theirs)
    lines = [line for line in own if line not in other]
    return ", ".join(lines or [f"without {line}" for line in other if line not in own])


def _shown(value: object) -> str:
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _is_kept(trial: Trial, weights: File | None) -> bool:
    """Tell whether the weights of a trial exist unchanged."""
    if weights is None:
        return False
    return trial.weights_sha256 is None or file_sha256(weights) == trial.weights_sha256
