"""Resolution as a fidelity: which sizes a study's early rungs may have, for its networks and task.

A network trained at a lower resolution is the network of the full one: it keeps the strides that it
has at the task's own size, and with them its weights. So a size is allowed where those strides
divide it: every map is then the full one's, scaled, and no convolution sees more of a border.
"""

from collections.abc import Sequence

from nas.errors import NasError
from nas.space import Shape
from nas.study.spec import StudySpec


def early_sides(sides: Sequence[int], rungs: Sequence[int], full: int | None) -> tuple[int, ...]:
    """Return the resolutions of all rungs but the last, as a study keeps them.

    `sides` has one for each rung, or for each but the last; `full` is the task's own size where it
    is known, and what the last one must be then.

    Raises:
        NasError: there are too many or too few, or the last rung is not at the task's own size.
    """
    if len(sides) not in (len(rungs), len(rungs) - 1) or not sides:
        raise NasError(
            f"--resolutions {_text(sides)} are {len(sides)} for {len(rungs)} rungs "
            f"({_text(rungs)}).",
            f"Give {len(rungs)}, one for each rung, or leave out the last: it has the task's size.",
        )
    if len(sides) == len(rungs) and full not in (None, sides[-1]):
        raise NasError(
            f"--resolutions ends at {sides[-1]}, but the task's images are {full}x{full}.",
            f"Write {_text([*sides[:-1], full or 0])}: the last rung is full fidelity.",
        )
    return tuple(sides[: len(rungs) - 1])


def check_resolutions(spec: StudySpec, task: Shape) -> None:
    """Refuse resolutions that the networks of `spec` cannot have, on a task with images of `task`.

    Raises:
        NasError: the total stride does not divide one, or it is larger than the task's own.
    """
    full = min(task.height, task.width)
    for name, space in spec.spaces.items():
        total = spec.trained(space, task).total
        fitting = [side for side in range(total, full + 1, total)]
        for side in spec.resolutions:
            if side not in fitting:
                larger = f"larger than the task's {full}x{full}"
                uneven = f"not divided by {total}, the total stride of {name} at {task}"
                raise NasError(
                    f"the resolution {side} is {larger if side > full else uneven}.",
                    f"Give some of {_text(fitting)}.",
                )


def check_images(spec: StudySpec, images: Shape) -> None:
    """Refuse images of another size than those that the study of `spec` began with.

    Raises:
        NasError: its networks could have other strides on them.
    """
    if spec.task_input not in (None, str(images)):
        raise NasError(
            f"the images are {images} now, but {spec.name} began with {spec.task_input}.",
            "Put the images back, or begin a new study.",
        )


def _text(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
