"""The evaluator that trains: what an executor of trials runs for each job, and the default one."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nas.evaluate import Epoch, Evaluator, Job, Plan
from nas.layers import Layer
from nas.lowering import lower
from nas.train.data import load_task
from nas.train.devices import is_out_of_memory, prepare_worker
from nas.train.proxies import proxy_batches, score
from nas.train.recipe import Recipe, load_recipe, read_recipe
from nas.train.referee import count
from nas.train.session import Session


class TrainingEvaluator:
    """Trains the network of each job on the study's task, which stays in memory between jobs."""

    def __init__(self, plan: Plan) -> None:
        """Load the task and the recipe of `plan`.

        Raises:
            TaskError: one of them cannot be used.
        """
        self._spec = plan.spec
        self._results = Path(plan.results_dir) / self._spec.name
        spec = self._spec
        self._task = load_task(
            spec.task, plan.data_dir, spec.seed, spec.limit, spec.image_size, spec.skip_corrupt
        )
        self._recipe = _recipe(self._spec.recipe)
        seed = self._spec.seed  # the study's: equal networks have equal scores
        self._batches = proxy_batches(self._task, seed) if self._spec.proxies else []

    def evaluate(self, job: Job) -> Iterator[Epoch]:
        """Count the network with fvcore at the deployment input, score it, train it on the task.

        The weights of the last epoch are written to `<results>/<study>/trial-<number>.safetensors`.
        """
        spec, task = self._spec, self._task
        space = spec.space_of(job.architecture)
        shipped = lower(space, job.architecture, spec.deployment, spec.classes)
        counted = count(shipped, spec.deployment)
        layers = lower(space, job.architecture, task.input, task.classes)
        proxies = self._scores(layers) if spec.proxies else None
        session = Session(layers, task, self._recipe, spec.ladder.max_epochs, job.seed)
        for epoch in range(1, spec.ladder.max_epochs + 1):
            found = session.run_epoch()
            path = sha256 = None
            if epoch == spec.ladder.max_epochs:
                self._results.mkdir(parents=True, exist_ok=True)
                path = self._results / f"trial-{job.number}.safetensors"
                sha256 = session.save_weights(path)
            yield Epoch(
                epoch,
                found.top1_error,
                found.loss,
                found.train_loss,
                counted if epoch == 1 else None,
                str(path) if path else None,
                sha256,
                proxies if epoch == 1 else None,
            )

    def _scores(self, layers: Sequence[Layer]) -> dict[str, float]:
        """Return the training-free scores; none where memory does not suffice for them."""
        try:
            return score(layers, self._batches, self._spec.seed)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return {}  # the training wants less, in half precision, and may do


def make(plan: Plan) -> Evaluator:
    """Set this worker process up for training, and return its evaluator.

    It trains on as many threads as Ray gives the trial CPUs, or on OMP_NUM_THREADS elsewhere.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    prepare_worker(int(threads) if threads.isdigit() else 1)
    return TrainingEvaluator(plan)


def _recipe(text: str) -> Recipe:
    """Read the recipe of a study: its settings as text, or the name of one."""
    return read_recipe(text, "the study's recipe") if "=" in text else load_recipe(text)
