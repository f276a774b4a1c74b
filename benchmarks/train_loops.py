"""The two training loops that bm_train.py compares, each run in a fresh process of its own.

`plain` is the usual loop: a DataLoader over images that are augmented one by one with
torchvision, NCHW, view/transpose shuffles, torch's default SGD, `loss.item()` after each step.
`ours` is nas.training.loop.session.Session as a worker has it. Every other name is ours with
one of its parts replaced.

A process warms up and writes `ready`. For each input line it trains one turn, `steps` steps,
and writes its measurements as JSON. It ends with its input.
"""

import json
import os
import resource
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from train_candidates import candidate

from nas.space.layers import Layer
from nas.training import cpu
from nas.training.cpu import substitutes
from nas.training.data import Augmentation, Split, Task, load_task
from nas.training.loop.devices import prepare_worker
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.session import Session
from nas.training.network.module import ChannelShuffle, build

# Steps before the clock starts: the allocator has what it needs after two; a GPU records its steps
# in the fourth and checks the recording in the fifth.
WARM_STEPS = {"cpu": 3, "cuda": 8}
PARTS = {  # ours with something else in the place of a part
    "modules": "no substitutes: each layer by its module",
    "compiled": "no substitutes, but torch.compile",
    "dense": "no dense forms of grouped 1x1 convolutions",
    "malloc": "freed memory is given back",
    "thp": "the same, but THP_MEM_ALLOC_ENABLE=1",
    "jemalloc": "the same, but jemalloc (LD_PRELOAD)",
    "plain torch": "NAS_CPU=plain",
    "layout": "NAS_CPU=plain and NCHW",
    "sgd": "torch.optim.SGD for each weight at a time",
    "sgd fused": "torch.optim.SGD(fused=True)",
    "data": "images augmented one by one",
}
ENVIRONMENT = {
    "thp": {"THP_MEM_ALLOC_ENABLE": "1"},
    "jemalloc": {"LD_PRELOAD": "libjemalloc.so.2"},
    "plain torch": {"NAS_CPU": "plain"},
    "layout": {"NAS_CPU": "plain"},
}
SGD = {"sgd": {"foreach": False}, "sgd fused": {"fused": True}}
GPU_PARTS = {
    "shuffle": "view/transpose shuffle, which loses the layout",
    "layout": "NCHW in place of channels-last",
}


@dataclass(frozen=True)
class Job:
    candidate: str
    variant: str
    steps: int  # of one turn
    turns: int
    batch: int
    device: str
    data: str
    core: int | None = None
    loaders: int = 0


class PlainShuffle(nn.Module):
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x.reshape(n, self.groups, c // self.groups, h, w)
        return x.transpose(1, 2).reshape(n, c, h, w)


class Images(Dataset):
    """The images of a split as torchvision gives out CIFAR-10: PIL, transformed one by one."""

    def __init__(self, task: Task, split: Split) -> None:
        self.images = split.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = split.labels.tolist()
        steps = [transforms.ToTensor(), transforms.Normalize(task.mean, task.std)]
        if task.augment.flip:
            steps.insert(0, transforms.RandomHorizontalFlip())
        steps.insert(0, transforms.RandomCrop(task.input.height, task.augment.crop_padding))
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class Clock:
    """Waits for a line before each turn, and writes what the turn took."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.wall = self.cpu = 0.0

    def step(self, done: int, _steps: int) -> None:
        turned = done - WARM_STEPS[self.job.device]
        if turned < 0 or turned % self.job.steps:
            return
        if self.job.device == "cuda":
            torch.cuda.synchronize()
        if turned == 0:
            print("ready", flush=True)
        else:
            print(json.dumps(self._measured()), flush=True)
        if not sys.stdin.readline():
            sys.exit()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def _measured(self) -> dict[str, float]:
        """Images a second by the clock and by the process's CPU time; the peak of memory so far."""
        images = self.job.batch * self.job.steps
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"wall": images / wall, "cpu": images / cpu, "peak_mib": peak}


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    layers, task = candidate(job.candidate), data_of(job)
    recipe = replace(load_recipe("cifar10"), batch_size=job.batch, bn_batches=0)
    clock = Clock(job)
    (plain if job.variant == "plain" else ours)(job, layers, task, recipe, clock)


def data_of(job: Job) -> Task:
    """CIFAR-10 where it is, else noise of its shape: enough images for the steps and a warm-up."""
    count = job.batch * (job.turns * job.steps + WARM_STEPS[job.device])
    if job.data:
        task = load_task("cifar10", job.data, 0)
        whole = task.train
    else:
        random = torch.Generator().manual_seed(0)
        shape = (50_000, 3, 32, 32)
        whole = Split(
            torch.randint(0, 256, shape, dtype=torch.uint8, generator=random),
            torch.randint(0, 10, shape[:1], generator=random),
        )
        names = tuple(map(str, range(10)))
        task = Task("noise", candidate(job.candidate)[0].shape, names, whole, whole, whole,
                    (0.5,) * 3, (0.25,) * 3, Augmentation(4, True), "")  # fmt: skip
    index = torch.arange(count) % len(whole)
    few = Split(whole.images[: job.batch], whole.labels[: job.batch])
    return replace(task, train=Split(whole.images[index], whole.labels[index]), val=few, test=few)


def plain(job: Job, layers: list[Layer], task: Task, recipe: Recipe, clock: Clock) -> None:
    """The baseline: what a competent user writes first; the network is the same."""
    if job.device == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.benchmark = True
    network = build(layers, torch.Generator().manual_seed(0))
    network.change_modules(plain_module)
    network.to(job.device).train()
    loader = DataLoader(
        Images(task, task.train), batch_size=job.batch, shuffle=True, drop_last=True,
        num_workers=job.loaders, pin_memory=job.device == "cuda",
    )  # fmt: skip
    optimiser = torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum,
        weight_decay=recipe.weight_decay, nesterov=recipe.nesterov,
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    total = 0.0
    for step, (images, labels) in enumerate(loader, start=1):
        images = images.to(job.device, non_blocking=True)
        labels = labels.to(job.device, non_blocking=True)
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=job.device == "cuda"):
            loss = criterion(network(images), labels)
        loss.backward()
        optimiser.step()
        total += loss.item()
        clock.step(step, len(loader))
    assert np.isfinite(total)


def plain_module(module: nn.Module) -> nn.Module:
    if isinstance(module, ChannelShuffle):
        return PlainShuffle(module.groups)
    return nn.ReLU6(inplace=True) if isinstance(module, nn.ReLU6) else module


def ours(job: Job, layers: list[Layer], task: Task, recipe: Recipe, clock: Clock) -> None:
    """A session as a worker has it, with something else in the place of the variant's part."""
    variant = job.variant
    prepare_worker(1 if job.device == "cpu" else torch.get_num_threads())
    if variant in ("malloc", "thp", "jemalloc"):
        cpu.keep_freed_memory = lambda: None
    if variant == "dense":
        substitutes.folds = lambda layers: []
    session = Session(layers, task, recipe, recipe.epochs, 0, job.device)
    session.accelerate(cpu.accelerate)
    change(job, session)
    session.run_epoch(clock.step)


def change(job: Job, session: Session) -> None:
    network, variant = session.network, job.variant
    if variant in ("modules", "compiled"):
        network.change_modules(lambda module: module)
        if variant == "compiled":
            session._trained = torch.compile(network)
    elif variant == "shuffle":
        network.change_modules(
            lambda m: PlainShuffle(m.groups) if isinstance(m, ChannelShuffle) else m
        )
    elif variant == "layout":
        network.to(memory_format=torch.contiguous_format)
        session._train = Reordered(session._train)
    elif variant == "data":
        session._train = OneByOne(job, session.task)
    elif variant in SGD:
        session.optimiser = torch.optim.SGD(
            _groups(session), lr=0.1, momentum=session.recipe.momentum,
            nesterov=session.recipe.nesterov, **SGD[variant],
        )  # fmt: skip


def _groups(session: Session) -> list[dict[str, object]]:
    parameters, recipe = list(session.network.parameters()), session.recipe
    spared_decay = recipe.weight_decay if recipe.decay_norms else 0.0
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": spared_decay},
    ]


class Reordered:
    """A feed whose batches come as NCHW."""

    def __init__(self, feed) -> None:  # type: ignore[no-untyped-def]
        self.feed = feed

    def __len__(self) -> int:
        return len(self.feed)

    def shuffled(self, *args, **options):  # type: ignore[no-untyped-def]
        for images, labels in self.feed.shuffled(*args, **options):
            yield images.contiguous(), labels


class OneByOne:
    """A feed of images that torchvision transforms one by one."""

    def __init__(self, job: Job, task: Task) -> None:
        self.job = job
        self.loader = DataLoader(
            Images(task, task.train), job.batch, shuffle=True, drop_last=True,
            num_workers=job.loaders,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.loader.dataset)

    def shuffled(self, *_args, **_options):  # type: ignore[no-untyped-def]
        for images, labels in self.loader:
            images = images.to(self.job.device, memory_format=torch.channels_last)
            yield images, labels.to(self.job.device)


if __name__ == "__main__":
    main()
