"""One process of a team that torch.distributed connects by a file, for the test of teams.

    python -m tests.training.team_process RANK SIZE FOLDER

Trains the small network and writes the curve, the test scores and the weights to FOLDER.
"""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from nas.training.loop.data_parallel import Team
from nas.training.loop.session import Session
from tests.training.nets import RECIPE, coloured_task, small_layers


def trained(team: Team, folder: Path) -> None:
    """Train with averaged weights, and without; write what came of it."""
    torch.set_num_threads(1)
    task = coloured_task()
    for ema in (0.0, 0.9):
        recipe = replace(RECIPE, ema=ema)
        session = Session(small_layers(task.input, 2), task, recipe, 3, 0, "cpu")
        session.join(team)
        epochs = [session.run_epoch() for _ in range(3)]
        scores = session.scores(task.test)
        found = {
            "curve": [(epoch.train_loss, *epoch.metrics.values()) for epoch in epochs],
            "test": scores.result(),
            "confusion": scores.details()["confusion"],
        }
        stem = f"ema-{ema}-{team.rank}-of-{team.size}"
        (folder / f"{stem}.json").write_text(json.dumps(found))
        session.save_weights(folder / f"{stem}.safetensors")


def trained_together(rank: int, size: int, folder: Path) -> None:
    """Connect, and train."""
    store = f"file://{folder}/rendezvous"
    dist.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=size, timeout=timedelta(seconds=120)
    )
    try:
        trained(Team.joined(), folder)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    trained_together(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
