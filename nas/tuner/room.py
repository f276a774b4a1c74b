"""Room: how many trials of a study fit on a Ray cluster, and how many the study may run."""

import os
import time
from collections.abc import Collection
from typing import Any

import ray

from nas.errors import NasError
from nas.tuner.sharing import Resources, Share

_KNOWN_SECONDS = 5.0  # time between two readings of the cluster's resources
_LARGEST_REST = 0.05  # largest unused share of a GPU that trials share
_ALL = 10**6


class Room:
    """The room for trials of one study, which follows a growing or shrinking cluster."""

    def __init__(
        self,
        each: Resources,
        most: int | None,
        share: Share | None = None,
        unfit: Collection[str] = (),
    ) -> None:
        """Provide room for at most `most` trials that need `each`; without a `share`, for all.

        Nodes with an id in `unfit`, which may grow, are not used.

        Raises:
            NasError: a number is not positive; or no trial fits, and no further node can join.
        """
        if min(each) < 0 or sum(each) <= 0 or (most is not None and most < 1):
            raise NasError(
                f"{each[0]:g} CPUs and {each[1]:g} GPUs for each of {most or 'all'} trials: not "
                "positive.",
                "Give positive numbers, such as --cpus-per-trial 1.",
            )
        check_fraction(each[1])
        self.each, self.share, self._unfit = each, share, unfit
        self._most = _ALL if most is None else most
        self._read_at, self.nodes = time.monotonic(), node_resources(unfit)
        if share is None and self.fits() < 1:
            raise too_small(each, self.have)

    @property
    def have(self) -> Resources:
        """The resources of all nodes together."""
        return sum(cpus for cpus, _ in self.nodes), sum(gpus for _, gpus in self.nodes)

    def fits(self) -> int:
        """Return how many trials fit on the cluster, as if no other study used it."""
        if time.monotonic() - self._read_at > _KNOWN_SECONDS:
            self._read_at, self.nodes = time.monotonic(), node_resources(self._unfit)
        return min(self._most, sum(_fit(self.each, node) for node in self.nodes))

    def missing(self) -> int:
        """Return how many trials of an explicit maximum do not fit; for an autoscaler."""
        return max(0, self._most - max(1, self.fits())) if self._most < _ALL else 0

    def slots(self, running: int, wanted: int | None) -> int:
        """Return how many trials the study may run.

        `running` trials have a worker, and `wanted` could run; None stands for as many as fit.
        """
        fits = self.fits()
        if self.share is None:
            return fits
        want = fits if wanted is None else min(fits, wanted)
        mine = self.share.slots(running, want, self.have)
        return fits if mine is None else min(fits, mine)


def training_nodes() -> list[dict[str, Any]]:
    """Return the nodes that are alive and have CPUs or GPUs, as Ray describes them."""
    known = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in known if node["Alive"] and any(_resources(node))]


def node_resources(unfit: Collection[str] = ()) -> list[Resources]:
    """Return the CPUs and GPUs of each node that can run trials, except the `unfit` ones."""
    return [_resources(node) for node in training_nodes() if node.get("NodeID") not in unfit]


def _resources(node: dict[str, Any]) -> Resources:
    found = node["Resources"]
    return found.get("CPU", 0.0), found.get("GPU", 0.0)


def _fit(each: Resources, node: Resources) -> int:
    """Return how many trials that need `each` fit on one node, as if no other study used it."""
    (cpus, gpus), (cpu, gpu) = node, each
    fits = []
    if cpu:
        fits.append(int(cpus / cpu + 1e-9))
    if gpu:
        fits.append(int(gpus) * _shares(gpu) if gpu < 1 else int(gpus / gpu + 1e-9))
    return min(fits)


def check_fraction(gpus: float) -> None:
    """Refuse a fractional number of GPUs that leaves a large part of a GPU unused.

    A trial gets its share from one GPU: with 0.4 each, two fit, and a fifth is unused.

    Raises:
        NasError: more than 5 % of a GPU would be unused, or a number above one is not an integer.
    """
    if gpus > 1 and gpus != int(gpus):
        raise NasError(
            f"{gpus:g} GPUs for each trial: more than one must be a whole number.",
            f"Type --gpus-per-trial {int(gpus)} or {int(gpus) + 1}.",
        )
    if not 0 < gpus < 1:
        return
    fit = _shares(gpus)
    if 1 - fit * gpus > _LARGEST_REST:
        raise NasError(
            f"{fit} trials of {gpus:g} fit on a GPU, which leaves {1 - fit * gpus:.0%} of it "
            "unused.",
            f"Type --gpus-per-trial {int(1000 / fit) / 1000:g} for {fit} at a time, or "
            f"{int(1000 / (fit + 1)) / 1000:g} for {fit + 1}.",
        )


def _shares(gpus: float) -> int:
    """Return how many trials of `gpus` fit on one GPU; Ray rounds to ten-thousandths."""
    return int(1 / gpus + 1e-9)


def check_workers(count: int, cpus: int | None = None, gpus: int | None = None) -> None:
    """Refuse more workers than GPUs, or than CPUs if there is no GPU.

    `cpus` and `gpus` are by default those of this machine.

    Raises:
        NasError: there are too few.
    """
    if cpus is None or gpus is None:
        import torch  # takes seconds to import

        from nas.training import default_device

        cpus = os.cpu_count() or 1
        gpus = torch.cuda.device_count() if default_device().type == "cuda" else 0
    most, unit = (gpus, "GPU") if gpus else (cpus, "CPU")
    if count > most:
        raise NasError(
            f"{count} workers need one {unit} each, but there {'is' if most == 1 else 'are'} "
            f"{most}.",
            f"Type --workers {most}, or --ray-address of a cluster with more."
            if most > 1
            else "Leave --workers out, or type --ray-address of a cluster with more.",
        )


def too_small(wants: Resources, have: Resources) -> NasError:
    """Return the error for a trial that needs more (CPUs, GPUs) than available."""
    return NasError(
        f"a trial needs {wants[0]:g} CPUs and {wants[1]:g} GPUs, but there are {have[0]:g} and "
        f"{have[1]:g}.",
        "Lower --cpus-per-trial or --gpus-per-trial (fractions are allowed).",
    )
