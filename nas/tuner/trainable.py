"""The Trainable: one epoch of one attempt for each step, in a worker process that is reused."""

from typing import Any

from ray import tune

import nas
from nas.errors import NasError
from nas.evaluate import Attempt, Evaluator, Job, Plan, make_evaluator


class TrialTrainable(tune.Trainable):
    """Runs the attempts that the study hands out; Tune's config holds the `plan` and the `job`.

    A failing attempt is a report like any other, so that the worker, its data and its CUDA context
    outlive it; Tune hears of an error only where the process itself is lost.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Take up the first attempt; nothing is loaded before its first step."""
        plan: Plan = config["plan"]
        job: Job = config["job"]
        self._attempt = Attempt(job, lambda: _evaluator(plan))

    def step(self) -> dict[str, Any]:
        """Run one epoch; the report travels as it is."""
        return {"report": self._attempt.advance()}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Drop the last attempt and take up the next one in the same process."""
        self._attempt.close()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Let go of the attempt."""
        self._attempt.close()


def _evaluator(plan: Plan) -> Evaluator:
    if plan.version != nas.__version__:
        raise NasError(
            f"this worker has nas {nas.__version__}, but the study runs nas {plan.version}.",
            f"Install nas {plan.version} on every node.",
        )
    return make_evaluator(plan)
