"""The Trainable: one epoch of one attempt for each step, in a reused worker process."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import ray
from ray import tune

import nas
from nas.study import (
    Attempt,
    Evaluator,
    Job,
    Reason,
    Report,
    TrialError,
    WorkerPlan,
    make_evaluator,
    node_name,
)


class TrialTrainable(tune.Trainable):
    """Runs the attempts of the study; Tune's config holds the `plan` and the `job`.

    A failed attempt is a normal report, so that the worker keeps its data and its CUDA context;
    Tune gets an error only if the process is lost.

    An attempt begins when its job arrives, in the thread that does all training of the worker: Tune
    requests the first step only milliseconds later.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Start the first attempt."""
        self._begun: Future[Report] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nas-trial")
        self._begin(config)

    def step(self) -> dict[str, Any]:
        """Run one epoch, or wait for the first; return its report."""
        begun, self._begun = self._begun, None
        return {"report": (begun or self._thread.submit(self._attempt.advance)).result()}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Drop the last attempt and start the next one in the same process."""
        self.cleanup()
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        """Release the attempt."""
        self._thread.submit(self._attempt.close).result()

    def _begin(self, config: dict[str, Any]) -> None:
        plan: WorkerPlan = config["plan"]
        node = ray.get_runtime_context().get_node_id()
        plan = replace(plan, ending=plan.ending.of(node_name(node)))
        job: Job = config["job"]
        self._attempt = Attempt(job, lambda: _evaluator(plan))
        self._begun = self._thread.submit(self._attempt.advance)


def _evaluator(plan: WorkerPlan) -> Evaluator:
    if plan.version != nas.__version__:
        raise TrialError(
            Reason.SETUP,
            f"this worker has nas {nas.__version__}, but the study runs nas {plan.version}.",
            f"Install nas {plan.version} on every node.",
        )
    return make_evaluator(plan)
