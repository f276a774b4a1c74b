"""Compare spaces, or the values of one choice, by random networks."""

from dataclasses import replace

from nas.errors import NasError, NoEffectError
from nas.results import num_needed
from nas.samplers import CostMatchedSampler, PairedVariantsSampler
from nas.space import PAIRED_PREFIX, read_variation
from nas.study import StudySpec
from nas.workflows import events
from nas.workflows.kept_weights import remove_the_rest
from nas.workflows.plan import check_task_loaders, plan_study
from nas.workflows.preflight_checks import Preflight, preflight
from nas.workflows.requests import CompareRequest, RunRequest
from nas.workflows.resumption import open_to_run, resumable
from nas.workflows.search_run import SearchOutcome, enter, measure


def compare_spaces(
    request: CompareRequest,
    run: RunRequest,
    db: str | None = None,
    on_event: events.Watcher = events.ignore,
) -> SearchOutcome:
    """Create the study of a comparison and run it.

    Raises:
        NasError: a setting cannot be used, and nothing was created; or the study failed or paused,
            and its measurements are kept.
    """
    if run.formats:
        raise NoEffectError("formats", "a comparison exports no network", "Leave {formats} out.")
    check_task_loaders(run.loaders, request.search.task)
    ready = preflight(plan_comparison(request, on_event), run)
    _check_sampler(ready)
    with open_to_run(db, on_event) as store:
        spec = enter(store, ready, request.search.study, run)
        with resumable(store, spec.name, run), store.acquire(spec.name):
            outcome = measure(store, ready.named(spec), run, on_event)
            if not outcome.interrupted:
                remove_the_rest(store, outcome.study, on_event)
                store.set_state(spec.name, "COMPLETE")
            return outcome


def plan_comparison(request: CompareRequest, on_event: events.Watcher = events.ignore) -> StudySpec:
    """Return the study of a comparison: as for a search, but with random networks.

    Raises:
        NasError: a setting cannot be used, or `number` is too small for a significant result.
    """
    vary = request.vary
    spaces = tuple(request.search.space.split(","))
    _check_spaces(spaces, vary)
    searched = plan_study(replace(request.search, published=False), on_event)
    groups, values = len(spaces), ""
    if vary:
        variation = read_variation(searched.space, vary)
        groups, values = len(variation.values), f"-{variation.key}"
    _check_number(request.number, groups, bool(vary))
    name = searched.name.replace(searched.space.name, f"{searched.space.name}{values}", 1)
    return replace(
        searched,
        name=request.search.study or f"compare-{name}"[:60].rstrip("-_"),
        sampler=f"{PAIRED_PREFIX}:{vary}" if vary else "matched",
        num_trials=request.number * groups,
        rungs=searched.rungs[-1:],
        block=groups if vary else 1,
        reuse=False,
        confirm=0,
        seeds=1,
        proxies=False,
    )


def _check_sampler(ready: Preflight) -> None:
    """Check that the sampler can draw architectures, before anything is created."""
    assert isinstance(ready.sampler, CostMatchedSampler | PairedVariantsSampler)
    ready.sampler.check(list(ready.spec.spaces))


def _check_spaces(spaces: tuple[str, ...], vary: str | None) -> None:
    if vary and len(spaces) > 1:
        raise NasError(
            "--vary compares the values of one choice in one space.",
            f"Name one space: nas compare-spaces {spaces[0]} --vary {vary} --budget 300M-flops",
        )
    if not vary and len(spaces) < 2:
        raise NasError(
            f"{spaces[0]} alone cannot be compared.",
            f"Name a second space, or a choice: nas compare-spaces {spaces[0]} --vary CHOICE",
        )
    if len(set(spaces)) < len(spaces):
        raise NasError("a space is named twice.", "Name each space once.")


def _check_number(number: int, groups: int, paired: bool) -> None:
    needed = num_needed(groups, paired)
    if number < needed:
        what = f"{groups} values" if paired else f"{groups} spaces"
        raise NasError(
            f"-n {number} is too small: so few networks of {what} cannot differ "
            "significantly, even with the most different errors.",
            f"Draw more: -n {needed} at least, -n {max(20, 3 * needed)} to see anything but "
            "large differences.",
        )
