"""Train one study in a process of its own, which has its results on a disk that is full.

python -m tests.training.full_disk_process DATABASE RESULTS_DIR
"""

import sys
from pathlib import Path

from nas.errors import StudyPausedError
from tests.trained import quick_spec, train_study


def main(database: str, results: str) -> int:
    """Print how the study was paused, and return the exit code of that; 0 if it was not."""
    try:
        train_study(Path(database), Path(results), quick_spec())
    except StudyPausedError as error:
        sys.stdout.write(error.cause)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
