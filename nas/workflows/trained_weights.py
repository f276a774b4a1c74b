"""The weights of trials, where they are."""

from pathlib import Path

from nas.errors import WeightsError
from nas.store import Store
from nas.study import StudySpec, Trial


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
