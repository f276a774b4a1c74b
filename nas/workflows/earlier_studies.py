"""Earlier studies: the trainings that a new study borrows from others of the database."""

from collections.abc import Mapping, Sequence

from nas.errors import NasError, StoreError
from nas.feasible import Feasible
from nas.samplers import learns_from_others
from nas.store import Store
from nas.study import (
    Learnt,
    StudySpec,
    Trial,
    borrow,
    borrowable,
    finished_trials,
    study_differences,
    training_differences,
)
from nas.workflows.requests import SearchRequest


def borrow_history(
    store: Store,
    spec: StudySpec,
    feasible: Feasible,
    versions: Mapping[str, str],
    request: SearchRequest,
) -> tuple[list[Trial], tuple[Learnt, ...]]:
    """Return the trainings that the new study `spec` borrows, and their number from each study.

    `versions` are those of its libraries. The studies are those that `request` names, else all of
    the database. A sampler that does not learn from other studies borrows no trainings.

    Raises:
        NasError: a study that was named does not exist, or has no comparable training.
    """
    if not request.learn or not learns_from_others(spec.sampler):
        return [], ()
    earlier = store.earlier_studies(spec, versions)
    found: list[tuple[str, Trial]] = []
    for name in dict.fromkeys(request.learn_from):
        store.spec(name)  # raises if there is none
        own = _comparable(store, spec, name) if not earlier[name] else []
        if not own:
            raise _nothing(store, spec, name, earlier[name])
        found += [(name, trial) for trial in own]
    if not request.learn_from:
        alike = [name for name, others in earlier.items() if not others]
        found = [(name, trial) for name in alike for trial in _known(store, spec, name)]
    return borrow(found, spec.ladder, spec.goals, feasible)


def _known(store: Store, spec: StudySpec, name: str) -> list[Trial]:
    """Return the comparable trials of a study; none if its space or task cannot be read here."""
    try:
        return _comparable(store, spec, name)
    except StoreError:
        raise
    except NasError:  # a package that it needs is not installed
        return []


def _comparable(store: Store, spec: StudySpec, name: str) -> list[Trial]:
    theirs = store.spec(name)
    if next(study_differences(spec, theirs), None) is not None:
        return []  # without reading its trials
    return list(filter(_is_readable, borrowable(spec, theirs, store.trials(name))))


def _is_readable(trial: Trial) -> bool:
    """Tell whether the architecture of a stored trial can be read; it is read at first use."""
    try:
        return bool(trial.architecture.stages)
    except NasError:
        return False


def _nothing(store: Store, spec: StudySpec, name: str, packages: Sequence[str]) -> NasError:
    """Return the error for a study without a comparable training, with the settings that differ."""
    theirs, trials = store.spec(name), finished_trials(store.trials(name))
    differ = [
        *packages,
        *(training_differences(spec, theirs, trials[0].architecture) if trials else ()),
    ]
    if not trials:
        differ = ["it has no finished trial"]
    elif not differ:  # all its trials were stopped
        own, other = (",".join(map(str, each.rungs)) for each in (spec, theirs))
        differ = [f"rungs: {own}, not {other}, and no trial is complete"]
    return NasError(
        f"nothing can be learnt from {name}: {'; '.join(differ)}.",
        "Search with the settings of that study, or name another one.",
    )
