"""The objects that Ray Tune calls: Searcher, TrialScheduler, Stopper and Callback of a `Bridge`."""

from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune import Stopper
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from nas.study import Decision
from nas.tuner.tune_bridge import Bridge


class StudySearcher(Searcher):
    """Gives Tune the jobs of the study; it saves nothing, because the store is the record."""

    def __init__(self, bridge: Bridge) -> None:
        """Use `bridge`."""
        super().__init__()
        self._bridge = bridge

    def suggest(  # type: ignore[override]  # ray's own annotation leaves FINISHED out
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """Return the config of the next job; see `Bridge.suggest`."""
        return self._bridge.suggest(trial_id)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Make room for the next job."""
        self._bridge.over(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class StudyCallback(tune.Callback):
    """Tells the study that a worker began; until then, the Tune trial waits for a worker."""

    def __init__(self, bridge: Bridge) -> None:
        """Use `bridge`."""
        self._bridge = bridge

    def on_trial_start(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """Record that a worker began."""
        self._bridge.started(trial.trial_id)


class StudyScheduler(TrialScheduler):
    """Passes Tune's results to the study and its decisions to Tune."""

    def __init__(self, bridge: Bridge) -> None:
        """Use `bridge`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Store the trial."""
        self._bridge.add(trial)

    def on_trial_result(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> str:
        """Record one report; the study decides whether the trial continues."""
        answer = result.get("answer")
        if answer is not None:
            self._bridge.node_answered(result["node"], result["report"].worker, answer)
        decision = self._bridge.result(trial.trial_id, result["report"])
        continues = decision is Decision.CONTINUE
        return str(TrialScheduler.CONTINUE if continues else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Handle a lost worker."""
        self._bridge.error(trial.trial_id, trial.get_pickled_error() or trial.get_error())

    def on_trial_complete(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> None:
        """Do nothing: the last report is already recorded."""

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Do nothing: the execution requeues jobs that have not run."""

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """Check for workers without reports, and let Tune choose in first-in first-out order."""
        self._bridge.watch()
        return None

    def debug_string(self) -> str:
        """Describe the scheduler."""
        return "The study decides at its rungs."


class StudyStopper(Stopper):
    """Ends Tune's loop after an interruption, or after an error of the study."""

    def __init__(self, bridge: Bridge, interrupted: Callable[[], bool]) -> None:
        """Check `interrupted` and `bridge` after each event of the loop."""
        self._bridge = bridge
        self._interrupted = interrupted

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stop a single trial; the scheduler does."""
        return False

    def stop_all(self) -> bool:
        """Tell whether Tune should end; the bridge kills the workers first."""
        self._bridge.turn()
        if self._interrupted():
            self._bridge.end()
        return self._bridge.stopping
