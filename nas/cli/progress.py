"""The progress of a running study: a live panel on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from nas.cli import STARTED
from nas.cli.output import plural
from nas.results import StudyResults, further_seed
from nas.study import (
    Event,
    NodeChecked,
    Study,
    StudySpec,
    Trial,
    TrialFinished,
    TrialMeasured,
    TrialRequeued,
    TrialStarted,
    TrialState,
    WorkersAwaited,
    WorkersReady,
    divergence,
)
from nas.units import duration, si

_BAR_WIDTH = 48


class ProgressDisplay:
    """Shows the events of one run; use it as a context manager and pass `watch` to the run."""

    def __init__(self, study: Study, quiet: bool) -> None:
        """Follow `study`; `quiet` prints nothing."""
        self._study = study
        self._quiet = quiet
        self._epochs_before = self._epochs()
        self._ready = time.monotonic()
        self._live: Any = None
        self._first = self._calm = True  # no result, and no warning, has been shown

    def __enter__(self) -> "ProgressDisplay":
        """Open the live panel if there is a terminal."""
        if not self._quiet and sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(refresh_per_second=2, get_renderable=self._panel, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the panel."""
        if self._live is not None:
            self._live.stop()

    def watch(self, event: Event) -> None:
        """Handle one event."""
        spec = self._study.spec
        if isinstance(event, WorkersReady):
            self._ready = time.monotonic()
            self._say(f"Ray is up after {duration(self._elapsed())}: {event.concurrent} at a time")
            if event.note is not None:
                self._say(event.note)
        elif isinstance(event, WorkersAwaited | NodeChecked):
            self._of_cluster(event)
        elif isinstance(event, TrialMeasured):
            self._warn(event)
            if spec.networks:
                self._say(self._epoch(event))
            elif self._first:
                self._first = False
                label, shown = _label(spec, event.trial), self._shown(event.trial)
                self._say(f"first result after {duration(self._elapsed())}: {label}, epoch "
                          f"{event.measurement.epoch}, {shown}")  # fmt: skip
        elif isinstance(event, TrialFinished):
            told = self._told(event.trial)  # the panel of a terminal has the rest
            self._say(told if self._live is not None else f"{told}  |  {self._line()}")
        elif isinstance(event, TrialRequeued):
            self._say(f"{_label(spec, event.trial)} waits again: {event.reason}")
        elif isinstance(event, TrialStarted) and event.trial.attempt > 1:
            self._say(f"{_label(spec, event.trial)} starts again, attempt {event.trial.attempt}")

    def _of_cluster(self, event: WorkersAwaited | NodeChecked) -> None:
        if isinstance(event, WorkersAwaited):
            self._say(f"waiting for {event.cause} for {duration(event.seconds)}")
        elif event.problem:
            self._say(f"left out node {event.host}: {event.problem}. {event.remedy}".rstrip())

    def _warn(self, event: TrialMeasured) -> None:
        """Print the warning that a training diverges, only for the first one in this run."""
        text = divergence(self._study.spec, event.measurement)
        if text and self._calm:
            self._calm = False
            self._say(f"warning: {_label(self._study.spec, event.trial)} {text}; if others do too, "
                      "give a --recipe with a lower lr")  # fmt: skip

    def _epoch(self, event: TrialMeasured) -> str:
        """Return the line for one epoch of a network that is trained to the end."""
        found, spec = event.measurement, self._study.spec
        left = self._left()
        return (
            f"{_label(spec, event.trial)}, epoch {found.epoch}/{spec.ladder.max_epochs}: "
            f"train loss {found.train_loss:.4f}, {self._shown(event.trial)}"
            + (f"  |  about {duration(left)} left" if left else "")
        )

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(text, highlight=False, markup=False)
        else:
            click.echo(text)

    def _elapsed(self) -> float:
        """Return the seconds since the start of the command."""
        return time.monotonic() - STARTED

    def _counts(self) -> dict[TrialState, int]:
        counts = dict.fromkeys(TrialState, 0)
        for trial in self._study.trials:
            counts[trial.state] += 1
        return counts

    def _line(self) -> str:
        counts = self._counts()
        finished = sum(n for state, n in counts.items() if state.finished)
        planned = self._study.planned()
        parts = [f"{finished}/{planned} finished" if planned else f"{finished} finished"]
        parts += [f"{counts[TrialState.RUNNING]} running", f"{counts[TrialState.STOPPED]} stopped"]
        parts += [f"{counts[TrialState.FAILED]} failed"] if counts[TrialState.FAILED] else []
        reused = sum(trial.origin is not None for trial in self._study.trials)
        parts += [f"{reused} reused"] if reused else []
        trials = self._study.trials
        found = StudyResults(self._study.spec, trials)
        winner, own = found.best, found.best and found.estimate(found.best.number)
        if winner and own:
            parts.append(f"best {own.metric.show(own.mean)} at {si(winner.cost.madds)} madds")
        left = self._left() if planned is None or finished < planned else None
        parts += [f"about {duration(left)} left"] if left is not None else []
        return ", ".join(parts)

    def _left(self) -> float | None:
        """Return the remaining seconds at this run's pace in epochs; None before its first epoch.

        A future trial is expected to pass each rung with probability 1/eta; a running trial or a
        reference is expected to complete. Candidates may be limited by time instead.
        """
        trained = self._epochs() - self._epochs_before
        if trained < 1:
            return None
        spec, study = self._study.spec, self._study
        begun = [trial for trial in study.trials if not trial.state.finished]
        epochs = float(sum(spec.ladder.max_epochs - _epochs(trial) for trial in begun))
        candidates, whole = study.to_come()
        epochs += whole * spec.ladder.max_epochs
        search = float("inf") if study.time_left is None else study.time_left
        pace = (time.monotonic() - self._ready) / trained
        if candidates is not None:
            search = min(search, pace * candidates * _expected_epochs(spec.rungs, spec.eta))
        return search + pace * epochs

    def _of_time(self) -> int:
        """Return the elapsed share of the time limit, as a part of the bar."""
        limit, left = self._study.spec.time_limit or 1.0, self._study.time_left or 0.0
        return round(_BAR_WIDTH * (1 - min(1.0, left / limit)))

    def _epochs(self) -> int:
        return sum(_epochs(trial) for trial in self._study.trials)

    def _panel(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        finished = sum(trial.state.finished for trial in self._study.trials)
        planned = self._study.planned()
        running = [t for t in self._study.trials if t.state is TrialState.RUNNING]
        lines = [Text(f"  {self._running(t)}", style="dim") for t in running[:8]]
        full = _BAR_WIDTH * finished // max(planned, 1) if planned else self._of_time()
        bar = Text.assemble(("━" * full, "green"), ("─" * (_BAR_WIDTH - full), "dim"))
        return Group(bar, Text(f"{self._line()}  [{duration(self._elapsed())}]"), *lines)

    def _shown(self, trial: Trial) -> str:
        """Return the last value of the reported metric, with its name."""
        metric = self._study.spec.reported
        return f"val {metric.short} {metric.show(trial.value(metric.name))}"

    def _forecast(self, trial: Trial) -> str:
        """Return the inferred final value of a trial that has not reached it; empty if unknown."""
        spec = self._study.spec
        if spec.networks or trial.final or trial.fail_reason or not trial.last:
            return ""
        forecast = self._study.forecast(trial.number)
        return f" (inferred: {forecast.words(spec.ladder.max_epochs)})" if forecast else ""

    def _running(self, trial: Trial) -> str:
        done = "starting"
        if trial.last:
            done = f"epoch {trial.last.epoch}, {self._shown(trial)}{self._forecast(trial)}"
        return f"{_label(self._study.spec, trial)}: {si(trial.cost.madds)} madds, {done}"

    def _told(self, trial: Trial) -> str:
        parts = [f"{_label(self._study.spec, trial)} {trial.state.value.lower()}"]
        if trial.origin:
            parts = [f"{_label(self._study.spec, trial)} reused from {trial.reused}:"]
        if trial.fail_reason:
            parts.append(f"({trial.fail_reason})")
        if trial.last:
            epochs = plural(trial.last.epoch, "epoch")
            parts.append(f"{self._shown(trial)} after {epochs}{self._forecast(trial)},")
        parts.append(f"{si(trial.cost.madds)} madds")
        return " ".join(parts)


def _epochs(trial: Trial) -> int:
    """Return the epochs trained in this run; 0 for a reused result."""
    return trial.last.epoch if trial.last and trial.origin is None else 0


def _expected_epochs(rungs: Sequence[int], eta: int) -> float:
    """Return the expected epochs of a trial that passes each rung with probability 1/eta."""
    steps = zip((0, *rungs), rungs, strict=False)
    return float(sum((end - start) / eta**i for i, (start, end) in enumerate(steps)))


def _label(spec: StudySpec, trial: Trial) -> str:
    if spec.networks:
        return f"{spec.network_name(trial)}, seed {trial.seed}"
    what = trial.reference or further_seed(trial)
    return f"trial {trial.number}" + (f" ({what})" if what else "")
