"""The built-in tasks: classification of image data sets. They load no heavy library."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nas.metrics import CLASSIFICATION, DETECTION
from nas.space import Head, SSDLite
from nas.study import TaskRequest

if TYPE_CHECKING:
    from nas.training.data import DataRequest, Task
    from nas.training.data.images import Scaling, Source

# Mean and deviation that are usual for ImageNet, so that weights can be exchanged.
_IMAGENET: "Scaling" = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_DIGITS = (
    "The digits are 8x8 images that nearly every network learns: they show how a search works, "
    "but cannot rank group counts. For a real search give --task cifar10 and more epochs."
)


@dataclass(frozen=True)
class ImageClasses:
    """A data set of images in classes; `reader` is MODULE:FUNCTION of `nas.training.data`.

    `val` and `test` are the shares that are drawn if there is no official split, `crop_padding` and
    `flip` the augmentation, which keeps the class of an image. `side` and `scaling` are None if
    they are not fixed.
    """

    reader: str
    recipe: str
    val: float
    test: float
    crop_padding: int
    flip: bool
    side: int | None = None
    scaling: "Scaling | None" = None
    embedded: bool = False
    remark: str = ""
    metrics: tuple[str, ...] = CLASSIFICATION
    head: Head | None = None

    def read(self, request: "DataRequest") -> "Source":
        """Return the images as they were found; raises a TaskError if they cannot be used."""
        module, _, function = self.reader.partition(":")
        read: Any = getattr(importlib.import_module(f"nas.training.data.{module}"), function)
        return cast("Source", read(request))

    def load(self, request: TaskRequest) -> "Task":
        """Return the task; raises a TaskError if its data cannot be used."""
        from nas.training.data import load_images

        return load_images(self, request)


DIGITS = ImageClasses(
    "digits:read_digits", "digits", val=0.2, test=0.2, crop_padding=1, flip=False, side=8,
    embedded=True, remark=_DIGITS,
)  # fmt: skip
CIFAR10 = ImageClasses(
    "cifar:read_cifar10", "cifar10", val=0.1, test=0.1, crop_padding=4, flip=True, side=32
)
CIFAR100 = ImageClasses(
    "cifar:read_cifar100", "cifar100", val=0.1, test=0.1, crop_padding=4, flip=True, side=32
)
IMAGENET = ImageClasses(
    "user_images:read_imagenet", "imagenet", val=0.01, test=0.04, crop_padding=0, flip=True,
    scaling=_IMAGENET,
)  # fmt: skip
FOLDER = ImageClasses(
    "user_images:read_own", "folder", val=0.1, test=0.1, crop_padding=4, flip=True
)


@dataclass(frozen=True)
class BoxesOfClasses:
    """Detection: boxes in images; `coco` if only COCO's own layout is read."""

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
