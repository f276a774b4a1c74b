"""Tasks: the data on which networks are trained and compared, as a port for other packages.

A task has data, head, loss and metrics. The entry points of `nas.tasks` refer to objects of the
protocol `TaskKind`, which name the metrics of a task and load its data on demand. Their module
imports no heavy library; only their `load` does.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

from nas.errors import TaskError
from nas.registry import Registry
from nas.space import Head


@dataclass(frozen=True)
class TaskRequest:
    """The requested data of a task; equal requests give equal data in any process.

    `seed` determines the splits. `limit` is the maximum number of training images. `image_size` is
    the height and width, if the task has no fixed size; `skip_corrupt` leaves out images that
    cannot be decoded.
    """

    name: str
    data_dir: str | None = None
    seed: int = 0
    limit: int | None = None
    image_size: int | None = None
    skip_corrupt: bool = False

    def load(self) -> Any:
        """Return the `nas.training.Task`; raises the errors of `TaskKind.load`."""
        return TASKS.load(self.name).load(self)


@runtime_checkable
class TaskKind(Protocol):
    """The object of an entry point in `nas.tasks`."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics of a split (`nas.metrics`); the first is reported."""
        ...

    @property
    def head(self) -> Head | None:
        """The head of its networks; None: a classifier with one output for each class."""
        ...

    @property
    def side(self) -> int | None:
        """The height and width of its images in pixels; None if not fixed."""
        ...

    @property
    def embedded(self) -> bool:
        """Whether a package includes its data, so that the user cannot give a folder."""
        ...

    @property
    def recipe(self) -> str:
        """The name of its default recipe."""
        ...

    @property
    def remark(self) -> str:
        """A remark for readers of its results; may be empty."""
        ...

    def load(self, request: TaskRequest) -> Any:
        """Return the `nas.training.Task`: the data in their splits, and the `Problem`.

        Raises:
            TaskError: the data are missing, broken or too small, or the request is invalid.
        """
        ...


def _is_kind(part: object) -> TypeGuard[TaskKind]:
    return isinstance(part, TaskKind)


TASKS: Registry[TaskKind] = Registry("nas.tasks", "task", _is_kind, TaskError)
