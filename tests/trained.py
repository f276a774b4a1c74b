"""Whole studies without Ray: trained in this process, recorded, and ready for `nas resume`."""

from pathlib import Path
from typing import Any

from nas import __version__
from nas.store import open_store
from nas.study.evaluator import WorkerPlan
from nas.study.execution import Watcher, ignore_event
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.training.evaluator import TrainingEvaluator
from tests.studies import WalkSampler, run_serial, small_spec
from tests.training.nets import RECIPE


def quick_spec(**changes: Any) -> StudySpec:
    """Return a study of one candidate that trains in a second on the digits."""
    quick = {
        "recipe": RECIPE.text, "rungs": (1,), "limit": 64, "num_trials": 1, "published": False,
        "proxies": False, "confirm": 0, "sampler": "random",
    }  # fmt: skip
    return small_spec(**{**quick, **changes})


def train_study(
    database: Path, results: Path, spec: StudySpec, watch: Watcher = ignore_event
) -> StudySpec:
    """Train what is left of `spec` with its weights in `results`; test and export nothing."""
    with open_store(str(database)) as store:
        if not any(study.name == spec.name for study in store.studies()):
            store.create_study(spec, {"nas": __version__})
        with store.acquire(spec.name):
            folder, uid = store.claim_folder(spec.name, results), store.uid(spec.name)
            study = Study(spec, store, WalkSampler(spec))
            plan = WorkerPlan(
                spec.to_json(), str(results.resolve()), spec.data_dir, "", __version__,
                folder=folder, study_id=uid,
            )  # fmt: skip
            run_serial(study, TrainingEvaluator(plan), watch)
    return spec
