"""The handwritten digits that scikit-learn embeds: 1,797 images of 8x8 pixels in 17 shades.

From the UCI repository (Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", its
test part). They need no download, and an epoch takes seconds: they show how a search works, but
cannot rank group counts.
"""

from importlib.metadata import version

import numpy as np
import torch

from nas.errors import TaskError
from nas.training.data.cache import cached
from nas.training.data.images import DataRequest, ImageSource
from nas.training.data.task import Split

_SHADES = 16


def read_digits(request: DataRequest) -> ImageSource:
    """Return all digits, with grey values scaled to 0..255; a folder must not be given.

    Raises:
        TaskError: a folder was given.
    """
    data_dir = request.folder
    if data_dir is not None:
        raise TaskError(
            f"the task digits is embedded and takes no --data, but got {data_dir}.",
            "Leave --data out, or type --task cifar10 with it.",
        )
    # from the cache, so that workers need not import scikit-learn, which takes seconds
    return cached([], f"digits-{version('scikit-learn')}", _read)


def _read() -> ImageSource:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.round(bunch.images * (255 / _SHADES)).astype(np.uint8)[:, None]
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    names = tuple(str(name) for name in bunch.target_names)
    return ImageSource(Split(torch.from_numpy(grey), labels), None, names)
