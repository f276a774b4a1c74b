"""The built-in tasks: classification and detection. This module loads no heavy library."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nas.metrics import CLASSIFICATION, DETECTION
from nas.space import Head, SSDLite
from nas.study import TaskRequest
from nas.training.image_data import ImageData

if TYPE_CHECKING:
    from nas.training.data import Task

# The usual mean and deviation for ImageNet, so that weights of other libraries can be used.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_DIGITS = (
    "The digits are 8x8 images that nearly every network learns: they show how a search works, "
    "but cannot rank group counts. For a real search give --task cifar10 and more epochs."
)


@dataclass(frozen=True, kw_only=True)
class ImageClasses(ImageData):
    """A classification task; `recipe` is its default recipe, `remark` a note for the user.

    `embedded` data come with a package. `head` replaces the head of the space if it is not None.
    """

    recipe: str
    embedded: bool = False
    remark: str = ""
    metrics: tuple[str, ...] = CLASSIFICATION
    head: Head | None = None

    def load(self, request: TaskRequest) -> "Task":
        """Return the task; raises a TaskError if its data cannot be used."""
        from nas.training.data import load_images

        return load_images(self, request)


DIGITS = ImageClasses(
    reader="digits:read_digits", recipe="digits", val=0.2, test=0.2, crop_padding=1, flip=False,
    side=8, embedded=True, remark=_DIGITS,
)  # fmt: skip
CIFAR10 = ImageClasses(
    reader="cifar:read_cifar10", recipe="cifar10", val=0.1, test=0.1, crop_padding=4, flip=True,
    side=32,
)  # fmt: skip
CIFAR100 = replace(CIFAR10, reader="cifar:read_cifar100", recipe="cifar100")
IMAGENET = ImageClasses(
    reader="user_images:read_imagenet", recipe="imagenet", val=0.01, test=0.04, crop_padding=0,
    flip=True, scaling=_IMAGENET,
)  # fmt: skip
FOLDER = ImageClasses(
    reader="user_images:read_own", recipe="folder", val=0.1, test=0.1, crop_padding=4, flip=True
)


@dataclass(frozen=True)
class BoxesOfClasses:
    """A detection task; with `coco` only COCO's own folder layout is read."""

    coco: bool
    recipe: str
    metrics: tuple[str, ...] = DETECTION
    head: Head | None = SSDLite()  # noqa: RUF009 - it is frozen
    side: int | None = None
    embedded: bool = False
    remark: str = ""

    def load(self, request: TaskRequest) -> "Task":
        """Return the task; raises a TaskError if its data cannot be used."""
        from nas.training.detection.load import load_detection

        return load_detection(request, self.coco, _IMAGENET)


COCO = BoxesOfClasses(coco=True, recipe="ssdlite-igcv3")
DETECTION_FOLDER = BoxesOfClasses(coco=False, recipe="ssdlite-short")
