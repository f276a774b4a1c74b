"""The scorer: training-free scores of architectures nobody has trained yet, for a sampler.

They are those that a worker computes of the same architecture before it trains it: on the same
images, with the same random weights, on as many threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nas.architecture import Architecture
from nas.errors import TaskError
from nas.spec import StudySpec
from nas.train.data import Task
from nas.train.proxies import Batch, proxy_batches, score_if_it_fits


class StudyScorer:
    """Scores architectures for one study; touches no device before it is first called."""

    def __init__(self, spec: StudySpec, task: Task, threads: int = 1) -> None:
        """Score on the images of `task`, on as many CPU threads as a trial of the study has."""
        self._spec, self._task, self._threads = spec, task, threads
        self._batches: list[Batch] | None = None

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Return the scores by name, and under `NAME_ms` what each took.

        None where memory does not suffice, or where the images cannot be read: the trials that
        need them say so.
        """
        spec, task = self._spec, self._task
        layers = spec.task_layers(architecture, task.input, task.classes)
        try:
            with _threads(self._threads):
                if self._batches is None:
                    self._batches = proxy_batches(task, spec.seed)
                return score_if_it_fits(layers, self._batches, spec.seed)
        except (TaskError, OSError):
            return {}


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute on `count` threads meanwhile: sums are rounded differently on more."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
