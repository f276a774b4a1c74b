"""Check whether processes that decode images have an effect."""

from nas.errors import NoEffectError
from nas.study import TASKS


def check_loaders(number: int, streamed: bool) -> None:
    """Refuse decoding processes if the images are in memory.

    Raises:
        NasError: `number` is not 0, and the images are not `streamed`.
    """
    if number and not streamed:
        raise NoEffectError("loaders", "the images are in memory")


def check_task_loaders(number: int, task: str | None) -> None:
    """Refuse decoding processes for a task whose images are part of a package.

    Raises:
        NasError: `number` is not 0.
    """
    if number and task is not None:
        check_loaders(number, streamed=not TASKS.load(task).embedded)
