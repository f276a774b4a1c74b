"""The weights that a complete search keeps; the rest is removed."""

from collections.abc import Collection, Iterable

from nas.results import StudyResults
from nas.storage import Keep, Storage
from nas.store import Store
from nas.study import Study, Trial, checkpoint_folder
from nas.workflows import events
from nas.workflows.teachers import best_networks


def record_keep(store: Store, name: str, keep: str | None) -> None:
    """Record which weights a study keeps; `keep` None changes nothing."""
    if keep is not None and store.keep(name) != keep:
        store.set_keep(name, Keep(keep))


def drop_checkpoints(files: Storage, trials: Iterable[Trial]) -> None:
    """Delete the checkpoints of trials in the folder of their study."""
    there = {key.partition("/")[0] for key in files.sizes() if "/" in key}
    for folder in there.intersection(checkpoint_folder(trial.number) for trial in trials):
        files.remove(folder)


def remove_the_rest(store: Store, study: Study, on_event: events.Watcher) -> None:
    """Remove the weights that a study need not keep; called after its report and export.

    A file that cannot be deleted is tried again when the study ends the next time.
    """
    name = study.spec.name
    if study.spec.networks or store.keep(name) is Keep.ALL:
        return
    found = StudyResults(study.spec, study.trials, store.reports(name))
    removed = store.remove_weights(name, kept_trials(found, study.to_confirm()))
    if removed.trials or removed.left:
        on_event(events.WeightsRemoved(removed.trials, removed.freed, removed.left))


def kept_trials(found: StudyResults, to_confirm: Collection[int] = ()) -> set[int]:
    """Return the trials of a search whose weights it keeps, with all their seeds.

    They are those that no other trial dominates, confirmed or not, the confirmed ones, the winner,
    and the best networks, which are the teachers of `--teacher STUDY`.
    """
    front = {trial.number for trial in (*found.front, *found.unconfirmed)}
    chosen = front | found.confirmed | {*to_confirm}
    chosen |= {found.best.number, found.exported(found.best).number} if found.best else set()
    seeds = {one.number for number in chosen for one in found.trainings.get(number, ())}
    teachers = best_networks(found) if found.trainings else ()
    return chosen | seeds | {trial.number for trial in teachers}
