"""Circuit breaker: a study ends early if all its trials fail for the same reason."""

from collections.abc import Sequence
from datetime import UTC, datetime

from nas.errors import StudyFailedError
from nas.study.trial import Trial

SAME_FAILURES = 3


def break_circuit(study: str, trials: Sequence[Trial]) -> None:
    """End `study` if its last three finished trials failed for the same reason.

    Raises:
        StudyFailedError: they did.
    """
    here = [trial for trial in trials if trial.origin is None]
    ended = [trial for trial in here if trial.state.finished and trial.finished_at]
    ended.sort(key=lambda trial: trial.finished_at or datetime.min.replace(tzinfo=UTC))
    tail = ended[-SAME_FAILURES:]
    reasons = {_fault(trial) for trial in tail}
    if len(tail) == SAME_FAILURES and len(reasons) == 1 and tail[-1].fail_reason:
        raise StudyFailedError(
            f"the last {SAME_FAILURES} trials of {study} all failed with "
            f"{tail[-1].fail_reason}: {_headline(tail[-1].fail_detail).rstrip('.')}.",
            "All measurements are kept. Remove the cause before you continue.",
        )


def _fault(trial: Trial) -> tuple[str | None, str]:
    """Return the values that are equal for equal failures."""
    return trial.fail_reason, _headline(trial.fail_detail)


def last_line(detail: str | None) -> str:
    """Return the last line of a failure's detail; in a traceback it names the error."""
    return detail.strip().splitlines()[-1] if detail and detail.strip() else ""


def _headline(detail: str | None) -> str:
    return last_line(detail)[:200]
