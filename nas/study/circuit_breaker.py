"""Circuit breaker: a study ends early if its trials keep failing with faults of one class."""

from collections.abc import Sequence
from datetime import UTC, datetime

from nas.errors import StudyFailedError
from nas.study.attempts import repeatable
from nas.study.trial import Fault, Reason, Trial, TrialState, last_line

SAME_FAILURES = 3
SAME_FAILURES_OF_NETWORKS = 10  # if at least one trial of the study did not fail
_OF_NETWORKS = frozenset({Reason.NAN, Reason.OOM})


def break_circuit(study: str, trials: Sequence[Trial]) -> None:
    """End `study` if its last finished trials all failed with faults of one class.

    Three failures in a row are enough. Divergence and exhausted memory may be faults of single
    networks, although the recipe is right: ten in a row are needed, unless all trials failed.

    Raises:
        StudyFailedError: the last trials failed in this way.
    """
    here = [trial for trial in trials if trial.origin is None]
    ended = [trial for trial in here if trial.state.finished and trial.finished_at]
    ended.sort(key=lambda trial: trial.finished_at or datetime.min.replace(tzinfo=UTC))
    if not ended or ended[-1].state is not TrialState.FAILED:
        return
    last = ended[-1]
    worked = any(trial.state is not TrialState.FAILED for trial in ended)
    of_networks = worked and last.fail_reason in _OF_NETWORKS
    number = SAME_FAILURES_OF_NETWORKS if of_networks else SAME_FAILURES
    tail = ended[-number:]
    if len(tail) == number and len({_kind(trial) for trial in tail}) == 1:
        raise StudyFailedError(
            f"the last {number} trials of {study} all failed with "
            f"{last.fail_reason}: {last_line(last.fail_detail)[:200].rstrip('.')}.",
            "All measurements are kept. Remove the cause before you continue"
            + ("; --retry-failed repeats these trials." if repeatable(last) else "."),
        )


def _kind(trial: Trial) -> str | None:
    """Return the class of a trial's failure; None if it did not fail."""
    if trial.fail_reason is None:
        return None
    return Fault(trial.fail_reason, trial.fail_detail or "").kind
