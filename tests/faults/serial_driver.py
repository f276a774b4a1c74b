"""A driver without Ray in a process of its own: trials that take a moment and train nothing.

    python -m tests.faults.serial_driver DATABASE TRIALS SECONDS_PER_TRIAL

Prints `trial N` after each trial and `done` at the end, then waits for a line of stdin before it
closes the store. An error is printed as the command line prints it, and decides the exit code.
"""

import sys
import time

from nas.errors import NasError
from nas.store import open_store
from nas.study.study import Study
from tests.studies import WalkSampler, run_one, small_spec


def say(line: str, error: bool = False) -> None:
    """Write a line at once."""
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{line}\n")
    stream.flush()


def run(database: str, trials: int, seconds: float) -> None:
    """Run or resume the study `study`."""
    spec = small_spec(num_trials=trials, published=False, confirm=0)
    with open_store(database) as store:
        if not store.names():
            store.create_study(spec, {"nas": "test"})
        with store.acquire(spec.name):
            study = Study(spec, store, WalkSampler(spec))
            store.remember(study)
            while (trial := run_one(study)) is not None:
                say(f"trial {trial.number}")
                time.sleep(seconds)
            store.set_state(spec.name, "COMPLETE")
        say("done")
        sys.stdin.readline()


def main(database: str, trials: str, seconds: str) -> int:
    """Run the study and return the exit code of the command line."""
    try:
        run(database, int(trials), float(seconds))
    except NasError as error:
        say(f"{error.cause}\n{error.remedy}", error=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
