"""What the user sees while a network trains: a bar on a terminal, a line an epoch otherwise."""

import sys
import time
from typing import Any

import click

from nas.training import EpochResult, Run, Watch
from nas.units import duration, percent


class Bar:
    """Follows one training after another; use it as a context manager and hand on `watch`."""

    def __init__(self, quiet: bool) -> None:
        """Follow nothing yet; `quiet` says nothing at all."""
        self._quiet = quiet
        self._progress: Any = None
        self._line: Any = None
        self._began, self._before = time.monotonic(), 0
        self.watch = Watch(self._begin, self._step, self._epoch, self._say)

    def __enter__(self) -> "Bar":
        """Open the bar where there is a terminal."""
        if not self._quiet and sys.stdout.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(),
                TextColumn("{task.percentage:.0f} %"), TextColumn("{task.fields[pace]}"),
                TimeRemainingColumn(), transient=True,
            )  # fmt: skip
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the bar."""
        if self._progress is not None:
            self._progress.stop()

    def _begin(self, run: Run, epoch: int) -> None:
        self._began, self._before = time.monotonic(), epoch
        if epoch:
            self._say(f"seed {run.seed}: {run.folder} goes on after epoch {epoch}")
        if self._progress is not None:
            if self._line is not None:
                self._progress.remove_task(self._line)
            self._line = self._progress.add_task(
                f"seed {run.seed}", total=run.epochs, completed=epoch, pace=""
            )

    def _step(self, epoch: int, step: int, steps: int) -> None:
        if self._progress is not None:
            self._progress.update(self._line, completed=epoch - 1 + step / steps)

    def _epoch(self, run: Run, found: EpochResult) -> None:
        pace = f"{found.images_per_second:,.0f} images/s"
        left = (time.monotonic() - self._began) / (found.epoch - self._before)
        left *= run.epochs - found.epoch
        if self._progress is not None:
            self._progress.update(self._line, pace=pace)
        metrics = found.metrics
        top5 = f" (top-5 {percent(metrics['top5_error'])})" if "top5_error" in metrics else ""
        self._say(
            f"seed {run.seed}, epoch {found.epoch}/{run.epochs}: train loss "
            f"{found.train_loss:.4f}, val error {percent(metrics['top1_error'])}{top5}, {pace}"
            + (f", about {duration(left)} left" if left else "")
        )

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        if self._progress is not None:
            self._progress.console.print(text, highlight=False, markup=False)
        else:
            click.echo(text)
