"""A driver in a process of its own, for the tests that interrupt or kill one.

    python -m tests.tuner.driver DATABASE RESULTS_DIR CANDIDATES [RUNG…]

Prints one line for each event, then `interrupted` or `done`. NAS_TEST_CLUSTER is the address of a
Ray cluster to use, NAS_TEST_PRIORITY the priority of the study there, NAS_TEST_GPUS the GPUs for a
trial, NAS_TEST_MOST the maximum of trials at a time.
"""

import os
import sys
from pathlib import Path

from nas.store import open_store
from nas.study.execution import (
    Event,
    NodeChecked,
    TrialFinished,
    TrialMeasured,
    TrialRequeued,
    TrialStarted,
    WorkersAwaited,
)
from nas.study.study import Study
from nas.tuner import RunSettings, run
from tests.tuner.fakes import Wanderer, spec_of


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(event: Event) -> None:
    """Say what happened."""
    if isinstance(event, WorkersAwaited):
        say(f"waiting for {event.cause}")
    elif isinstance(event, NodeChecked):
        say(f"left out {event.problem}" if event.problem else "checked")
    elif isinstance(event, TrialStarted):
        say(f"started {event.trial.number}")
    elif isinstance(event, TrialMeasured):
        say(f"measured {event.trial.number} {event.measurement.epoch}")
    elif isinstance(event, TrialRequeued):
        say(f"requeued {event.trial.number} {event.reason}")
    elif isinstance(event, TrialFinished):
        say(f"finished {event.trial.number} {event.trial.state}")


def main(database: str, results: str, candidates: str, *rungs: str) -> int:
    """Run or resume the study `small`."""
    changes = {"rungs": tuple(map(int, rungs))} if rungs else {}
    spec = spec_of(num_trials=int(candidates), **changes)
    with open_store(database) as store:
        if not store.studies():
            store.create_study(spec, {"nas": "test"})
        with store.acquire(spec.name):
            folder = store.claim_folder(spec.name, Path(results))
            store.record_kept(spec.name)
            study = Study(spec, store, Wanderer(spec))
            settings = RunSettings(
                Path(results),
                evaluator="tests.tuner.fakes:make",
                folder=folder,
                study_id=store.uid(spec.name),
                ray_address=os.environ.get("NAS_TEST_CLUSTER"),
                priority=float(os.environ.get("NAS_TEST_PRIORITY", "1")),
                gpus_per_trial=float(os.environ.get("NAS_TEST_GPUS", "0")),
                max_concurrent=int(os.environ.get("NAS_TEST_MOST", "0")) or None,
            )
            result = run(study, settings, tell)
    say("interrupted" if result.interrupted else "done")
    return 130 if result.interrupted else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
