"""Tasks: what networks are trained and compared on, as a port that other packages may add to.

A task brings its data, head, loss and metrics. The entry points of `nas.tasks` refer to kinds of
tasks: objects that say what a task measures and load its data on demand. The module of a kind
imports no heavy library; its `load` does.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

from nas.errors import TaskError
from nas.registry import Registry
from nas.space import Head


@dataclass(frozen=True)
class TaskRequest:
    """Which data of a task are wanted; the same request gives the same data in any process.

    `seed` fixes the splits. `limit` is the maximum number of training images. `image_size` is the
    height and width, if the task leaves them open; `skip_corrupt` leaves out images that cannot be
    decoded.
    """

    name: str
    data_dir: str | None = None
    seed: int = 0
    limit: int | None = None
    image_size: int | None = None
    skip_corrupt: bool = False

    def load(self) -> Any:
        """Return the `nas.training.Task`; raises as `TaskKind.load`."""
        return TASKS.load(self.name).load(self)


@runtime_checkable
class TaskKind(Protocol):
    """What an entry point of `nas.tasks` refers to."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what is measured on a split (`nas.metrics`); the first is reported."""
        ...

    @property
    def head(self) -> Head | None:
        """The head of its networks; None: a classifier with one output for each class."""
        ...

    @property
    def side(self) -> int | None:
        """The height and width of its images in pixels; None if that is open."""
        ...

    @property
    def embedded(self) -> bool:
        """Whether its data come with a package, so that no folder can be given."""
        ...

    @property
    def recipe(self) -> str:
        """The name of the recipe that trains its networks by default."""
        ...

    @property
    def remark(self) -> str:
        """What a reader must know of its results; may be empty."""
        ...

    def load(self, request: TaskRequest) -> Any:
        """Return the `nas.training.Task`: the data in their splits, and the `Problem`.

        Raises:
            TaskError: the data are missing, broken or too few, or the request does not fit.
        """
        ...


def _is_kind(part: object) -> TypeGuard[TaskKind]:
    return isinstance(part, TaskKind)


TASKS: Registry[TaskKind] = Registry("nas.tasks", "task", _is_kind, TaskError)
