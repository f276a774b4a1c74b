"""A training on two workers in a process of its own, for the tests that interrupt or kill one.

    python -m tests.tuner.train_driver FOLDER EPOCHS

Prints `ready` when Ray is up, `epoch N` after each, then `done` or `interrupted`.
"""

import sys
from pathlib import Path

from nas.training.data import TaskRequest
from nas.training.loop.run import Run, Watch, train
from nas.tuner.train_workers import training_workers
from tests.training.nets import RECIPE, small_layers

DIGITS = TaskRequest("digits", limit=320)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_in(folder: Path, epochs: int) -> Run:
    """Return the training that the tests know."""
    return Run(small_layers(), DIGITS.load(), RECIPE, epochs, 0, folder, {"net": "small"})


def main(folder: str, epochs: str) -> int:
    """Train, from the checkpoint where there is one."""
    watch = Watch(epoch=lambda run, found: say(f"epoch {found.epoch}"))
    try:
        with training_workers(2, DIGITS) as workers:
            say("ready")
            train(run_in(Path(folder), int(epochs)), True, watch, execute=workers)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
