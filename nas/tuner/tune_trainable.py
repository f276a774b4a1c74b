"""The Trainable: each step is one epoch of an attempt, in a worker process that is reused."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import ray
from ray import tune

import nas
from nas.errors import NasError
from nas.study import (
    PAUSING,
    Attempt,
    Evaluator,
    Job,
    Reason,
    Report,
    TrialError,
    WorkerPlan,
    failure_reason,
    make_evaluator,
    node_name,
)
from nas.tuner.node_probe import Fingerprint, NodeAnswer, check_node


class TrialTrainable(tune.Trainable):
    """Runs the attempts of the study; Tune's config holds the `plan` and the `job`.

    A failed attempt is a normal report, so that the worker keeps its data and its CUDA context;
    Tune gets an error only if the process is lost.

    On a cluster the config has the versions `expected` of a node, and the worker checks its node
    before it trains; its reports then have the `node` and its `answer`.

    An attempt begins as soon as its job arrives, in the thread that does all training of the
    worker, because Tune requests the first step some milliseconds later.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Start the first attempt."""
        self._first: Future[Report] | None = None  # the report of the first epoch
        self._node = ray.get_runtime_context().get_node_id()
        self._answer: NodeAnswer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nas-trial")
        self._begin(config)

    def step(self) -> dict[str, Any]:
        """Run one epoch, or wait for the first; return its report."""
        first, self._first = self._first, None
        report = (first or self._thread.submit(self._attempt.advance)).result()
        node = {} if self._answer is None else {"node": self._node, "answer": self._answer}
        return {"report": report, **node}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Close the last attempt, and start the next one in the same process."""
        self.cleanup()
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        """Close the attempt."""
        self._thread.submit(self._attempt.close).result()

    def _begin(self, config: dict[str, Any]) -> None:
        plan: WorkerPlan = config["plan"]
        plan = replace(plan, ending=plan.ending.of(node_name(self._node)))
        job: Job = config["job"]
        expected: Fingerprint | None = config.get("expected")
        make = _evaluator if expected is None else partial(self._checked, expected)
        self._attempt = Attempt(job, partial(make, plan))
        self._first = self._thread.submit(self._attempt.advance)

    def _checked(self, expected: Fingerprint, plan: WorkerPlan) -> Evaluator:
        """Check the node once, and return the evaluator.

        Raises:
            TrialError: the node cannot train the study.
        """
        if self._answer is not None and self._answer.problem is None:
            return make_evaluator(plan)
        self._answer = check_node(plan, expected)
        try:
            if self._answer.problem is None:
                return make_evaluator(plan)
        except (NasError, OSError) as error:
            if failure_reason(error) not in PAUSING:
                raise
            problem, remedy = str(getattr(error, "cause", error)), getattr(error, "remedy", "")
            self._answer = replace(self._answer, problem=problem.rstrip("."), remedy=remedy)
        raise TrialError(Reason.UNFIT, f"{self._answer.problem}.", self._answer.remedy)


def _evaluator(plan: WorkerPlan) -> Evaluator:
    if plan.version != nas.__version__:
        raise TrialError(
            Reason.SETUP,
            f"this worker has nas {nas.__version__}, but the study runs nas {plan.version}.",
            f"Install nas {plan.version} on every node.",
        )
    return make_evaluator(plan)
