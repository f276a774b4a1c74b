"""The export format `npz`: the weights as arrays of numpy."""

from pathlib import Path

import numpy as np

from nas.errors import ExportError
from nas.exports import ExportJob, Written


class NpzFormat:
    """One compressed file with an array for each key of the network's state dict."""

    name = "npz"
    libraries = ("numpy",)
    settings = ()

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write `weights.npz`, and read it back.

        Raises:
            ExportError: the file holds other arrays than the network.
        """
        path = directory / "weights.npz"
        arrays = {key: tensor.numpy() for key, tensor in job.network.state_dict().items()}
        np.savez_compressed(path, **arrays)
        with np.load(path) as found:
            if not all(np.array_equal(found[key], array) for key, array in arrays.items()):
                raise ExportError("weights.npz holds other weights.", "Export once more.")
        return Written((path,), details={"arrays": len(arrays)})


FORMAT = NpzFormat()
