"""Resolution as a fidelity: the image sizes that early rungs of a study may have.

At a lower resolution a network keeps the strides of the task's own size, and therefore its weights.
A size is allowed if it is divisible by the total stride: then every feature map is a scaled version
of the full one, and no convolution needs additional padding.
"""

from collections.abc import Sequence

from nas.errors import NasError
from nas.space import Shape
from nas.study.spec import StudySpec


def early_sides(sides: Sequence[int], rungs: Sequence[int], full: int | None) -> tuple[int, ...]:
    """Return the resolutions of all rungs except the last, in the stored form.

    `sides` has one entry for each rung, or for each except the last. `full` is the task's own size
    if known; the last rung must have this size.

    Raises:
        NasError: there are too many or too few, or the last rung is not at the task's own size.
    """
    if len(sides) not in (len(rungs), len(rungs) - 1) or not sides:
        raise NasError(
            f"--resolutions {_text(sides)} has {len(sides)} sizes for {len(rungs)} rungs "
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
    """Refuse resolutions that are impossible for the networks of `spec` on `task` images.

    Raises:
        NasError: one is not divisible by the total stride, or is larger than the task's own size.
    """
    full = min(task.height, task.width)
    for name, space in spec.spaces.items():
        total = spec.trained(space, task).total
        fitting = [side for side in range(total, full + 1, total)]
        for side in spec.resolutions:
            if side not in fitting:
                larger = f"larger than the task's {full}x{full}"
                uneven = f"not divisible by {total}, the total stride of {name} at {task}"
                raise NasError(
                    f"the resolution {side} is {larger if side > full else uneven}.",
                    f"Use sizes among {_text(fitting)}.",
                )


def check_images(spec: StudySpec, images: Shape) -> None:
    """Refuse images of another size than at the beginning of the study.

    Raises:
        NasError: the size differs, so that the networks could have other strides.
    """
    if spec.task_input not in (None, str(images)):
        raise NasError(
            f"the images are now {images}, but {spec.name} began with {spec.task_input}.",
            "Restore the images, or begin a new study.",
        )


def _text(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
