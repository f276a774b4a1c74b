"""Failed trials of a study: what may be repeated, and the error if no candidate is complete."""

from collections import Counter
from collections.abc import Sequence

from nas.errors import NasError, StudyFailedError
from nas.study import Reason, Study, Trial, TrialState, last_line, repeatable


def check_repeatable(study: str, trials: Sequence[Trial]) -> None:
    """Refuse to repeat the failed trials of a study if all of them would fail again.

    Raises:
        NasError: all of them would, or none failed.
    """
    if any(map(repeatable, trials)):
        return
    final = Counter(t.fail_reason for t in trials if t.state is TrialState.FAILED)
    named = ", ".join(f"{number} with {reason}" for reason, number in final.items())
    raise NasError(
        f"{study} has no failed trial to repeat"
        + (f": {named} would fail in the same way." if final else "."),
        "Continue it without --retry-failed.",
    )


def none_complete(study: Study, show: str) -> StudyFailedError:
    """Return the error for a study without complete candidate; `show` is the command to see why."""
    name = study.spec.name
    failed = next((t for t in study.candidates if t.state is TrialState.FAILED), None)
    if not study.spec.networks or failed is None:
        return StudyFailedError(
            f"no candidate of {name} reached full fidelity.", f"See why: {show}"
        )
    remedies: dict[str, str] = {
        Reason.NAN: "Train with a lower learning rate: --set lr=…",
        Reason.OOM: "Train with smaller batches (--set batch_size=…) "
        "or parts (--set accumulation=…).",
    }
    remedy = remedies.get(failed.fail_reason or "", f"See: {show}")
    detail = last_line(failed.fail_detail).rstrip(".")
    return StudyFailedError(f"the training {name} failed ({failed.fail_reason}): {detail}.", remedy)
