"""The hardware of the trials of a study: this machine, or the nodes of a cluster."""

import os
from dataclasses import dataclass

import torch

from nas.errors import NasError
from nas.study import StudySpec
from nas.training import default_device, describe_devices, usual_threads
from nas.units import plural
from nas.workflows.requests import RunRequest


@dataclass(frozen=True)
class Machine:
    """The (CPUs, GPUs) of each node; `devices` describes them in one line.

    A cluster may grow: if a run requests GPUs, some are expected to be added.
    """

    nodes: tuple[tuple[float, float], ...]
    devices: str

    @property
    def has_gpu(self) -> bool:
        """Whether one of the nodes has a GPU."""
        return any(gpus for _, gpus in self.nodes)


def machine_of(run: RunRequest) -> Machine:
    """Return the hardware of the trials; no node if "auto" finds no cluster on this machine.

    Raises:
        NasError: the cluster cannot be reached.
    """
    if run.ray_address is None:
        gpus = torch.cuda.device_count() if default_device().type == "cuda" else 0
        return Machine(((float(os.cpu_count() or 1), float(gpus)),), describe_devices())
    from nas.tuner import cluster_nodes

    try:
        nodes = tuple(cluster_nodes(run.ray_address))
    except NasError:
        if run.ray_address != "auto":
            raise
        nodes = ()
    some = plural(len(nodes), "node")
    total = f"{sum(each for each, _ in nodes):g} CPU cores, {sum(each for _, each in nodes):g} GPUs"
    return Machine(nodes, f"cluster {run.ray_address}: {some} now, {total}")


def uses_gpu(run: RunRequest, machine: Machine) -> bool:
    """Tell whether trials train on GPUs: as requested, otherwise if there is one.

    A cluster may get a node with a GPU, this machine cannot.
    """
    if run.gpus_per_trial is None:
        return machine.has_gpu
    return run.gpus_per_trial > 0 and (machine.has_gpu or run.ray_address is not None)


def gpus_per_trial(run: RunRequest, machine: Machine) -> float:
    """Return the GPUs for one trial: as requested, otherwise 1 if there is a GPU."""
    return float(machine.has_gpu) if run.gpus_per_trial is None else run.gpus_per_trial


def cpus_per_trial(spec: StudySpec, run: RunRequest, machine: Machine) -> float:
    """Return the CPU cores for one trial, or for one of the workers that train it."""
    if run.cpus_per_trial is not None:
        return run.cpus_per_trial
    if not spec.networks:
        return 1.0
    cpus, gpus = max(machine.nodes, key=lambda node: node[::-1], default=(1.0, 0.0))
    at_a_time = run.workers if run.workers > 1 else max(1, int(gpus))
    most = max(1, int(cpus) // at_a_time)
    if run.ray_address is not None:
        return float(most) if gpus else 1.0
    return float(min(most, usual_threads(at_a_time)))
