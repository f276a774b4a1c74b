"""The weights of trials, where they are."""

from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import WeightsError
from nas.store import Store
from nas.study import StudySpec, Trial

if TYPE_CHECKING:
    from nas.training import Session, Task


def trial_weights(store: Store, spec: StudySpec, trial: Trial) -> Path:
    """Return the path of a trial's weights; what loads them compares their hash.

    Raises:
        WeightsError: they are missing.
    """
    file = store.weights_file(spec.name, trial)
    if file is None:
        raise WeightsError(
            f"the weights of trial {trial.number} are missing: there is no {trial.weights_path} in "
            "the results folder.",
            "Restore the folder, or name it: --results DIR",
        )
    return file


def trained_session(store: Store, spec: StudySpec, task: "Task", trial: Trial) -> "Session":
    """Return the session of a trial with its trained weights, to measure it.

    Raises:
        WeightsError: they are missing or changed.
    """
    from nas.training import Session, default_device, read_recipe

    layers = spec.task_layers(trial.architecture, task.input, task.outputs)
    recipe = read_recipe(spec.recipe, "the study's recipe")
    epochs = spec.ladder.max_epochs
    session = Session(layers, task, recipe, epochs, trial.seed, default_device())
    session.load_weights(trial_weights(store, spec, trial), trial.weights_sha256)
    return session
