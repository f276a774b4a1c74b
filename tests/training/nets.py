"""Small layer lists and tasks for the tests of training."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nas.space.layers import Builder, Layer, Shape
from nas.training.data import Augmentation, Files, Split, Task
from nas.training.data.records import FileRecords
from nas.training.loop.recipe import Recipe, load_recipe
from nas.training.loop.streamed_batches import StreamFeed

RECIPE = Recipe(
    epochs=3, batch_size=16, lr=0.05, warmup_epochs=0.5, schedule="cosine", momentum=0.9,
    weight_decay=5e-4, label_smoothing=0.0, bn_momentum=0.4, bn_batches=2, augment=True,
)  # fmt: skip


DIGITS = Shape(1, 8, 8)


def small_layers(shape: Shape = DIGITS, classes: int = 10, norms: bool = True) -> list[Layer]:
    """A network with every kind of layer: 24 channels, one residual, two group counts."""
    net = Builder(shape)

    def batch_norm(name: str) -> None:
        if norms:
            net.batch_norm(name)

    net.conv("stem.conv", 12, kernel=3)
    batch_norm("stem.bn")
    net.activation("stem.relu")
    net.conv("body.0.first", 24, groups=4)
    batch_norm("body.0.bn1")
    net.shuffle("body.0.shuffle", 4)
    source = net.last
    net.conv("body.0.depthwise", 24, kernel=3, groups=24)
    batch_norm("body.0.bn2")
    net.activation("body.0.relu", "relu")
    net.conv("body.0.last", 24, groups=2)
    batch_norm("body.0.bn3")
    net.add("body.0.add", source)
    net.conv("head.conv", 32, stride=2)
    batch_norm("head.bn")
    net.activation("head.relu")
    net.global_pool("head.pool")
    net.linear("classifier", classes)
    return net.layers


def coloured_task(images: int = 64) -> Task:
    """Two classes told apart by their brightness; 3x8x8, seeded."""
    random = torch.Generator().manual_seed(1)

    def split(count: int) -> Split:
        labels = torch.arange(count) % 2
        noise = torch.randint(0, 100, (count, 3, 8, 8), generator=random)
        return Split((noise + 120 * labels[:, None, None, None]).to(torch.uint8), labels)

    return Task(
        name="coloured", input=Shape(3, 8, 8), class_names=("dark", "light"),
        train=split(images), val=split(32), test=split(32),
        mean=(0.4,) * 3, std=(0.3,) * 3, augment=Augmentation(1, True), note="",
    )  # fmt: skip


def in_memory(split: Split | Files) -> Split:
    """Return a split whose images are in memory."""
    assert isinstance(split, Split)
    return split


def on_disk(split: Split | Files) -> Files:
    """Return a split whose images are read from disk."""
    assert isinstance(split, Files)
    return split


def noise(folder: Path, count: int = 40, size: tuple[int, int] = (19, 23)) -> StreamFeed:
    """Feed as many images of noise from disk."""
    random = np.random.default_rng(0)
    files = []
    for number in range(count):
        files.append(folder / f"{number}.png")
        Image.fromarray(random.integers(0, 255, (*size, 3), dtype=np.uint8)).save(files[-1])
    kept = Files(FileRecords(files), torch.arange(count), torch.arange(count) % 2)
    return StreamFeed(kept, coloured_task(), torch.device("cpu"), load_recipe("igcv3-imagenet"))


def kept(network: torch.nn.Module, x: torch.Tensor) -> int:
    """How many numbers of maps as large as `x` the backward pass of `network` keeps."""
    sizes: dict[int, int] = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: sizes.setdefault(t.data_ptr(), t.numel()) and t, lambda t: t
    ):
        network(x)
    return sum(size for size in sizes.values() if size >= x.numel())


def decoder_pids(parent: int | None = None) -> list[int]:
    """The processes that decode for `parent`, this process if not given."""
    task = Path(f"/proc/{parent or os.getpid()}/task")
    lines = [(place / "children").read_text().split() for place in task.iterdir()]
    names = [(int(pid), Path(f"/proc/{pid}/comm").read_text()) for pids in lines for pid in pids]
    return [pid for pid, name in names if name.startswith("pt_data")]  # torch's name for them
