"""Teams: equal shares of every batch, nothing lost, and together the training of one process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from nas.errors import TaskError
from nas.training.data import Augmentation
from nas.training.loop.data_parallel import ALONE, Team
from nas.training.loop.memory_batches import Feed
from tests.messages import carrying
from tests.training.nets import coloured_task, in_memory, noise
from tests.training.team_process import trained, trained_together

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


@given(size=st.integers(1, 9), count=st.integers(0, 200))
def test_parts_are_equal_and_in_order(size: int, count: int) -> None:
    whole = torch.arange(count)
    parts = [Team(rank, size).part(whole) for rank in range(size)]
    assert {len(part) for part in parts} == {count // size}
    assert torch.equal(torch.cat(parts), whole[: count // size * size])


@given(size=st.integers(1, 9), batches=st.integers(0, 40))
def test_turns_leave_nothing_out(size: int, batches: int) -> None:
    whole = tuple(torch.tensor([number]) for number in range(batches))
    taken = [int(batch) for rank in range(size) for batch in Team(rank, size).turns(whole)]
    assert sorted(taken) == list(range(batches))


@pytest.mark.parametrize(
    ("batch", "images", "size", "said"),
    [
        (64, 1000, 3, "64 … 3"),
        (64, 5, 4, "5 images … 4"),
        (2, 1000, 2, "2 images … 2"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(
    batch: int, images: int, size: int, said: str
) -> None:
    with pytest.raises(TaskError, match=carrying(said)):
        Team(size=size).check(batch, images)
    ALONE.check(batch, images)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_shares_put_together_are_the_batches_of_one(kind: str, tmp_path: Path) -> None:
    task = coloured_task(images=22)
    feed = (
        noise(tmp_path, 22)
        if kind == "disk"
        else Feed(in_memory(task.train), task, CPU, Augmentation(1, True))
    )

    def shuffled(team: Team) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(feed.shuffled(8, torch.Generator().manual_seed(3), True, team))

    one, first, second = shuffled(ALONE), shuffled(Team(0, 2)), shuffled(Team(1, 2))
    assert len(one) == len(first) == len(second) == 2
    for whole, *parts in zip(one, first, second, strict=True):
        for whole_of, *parts_of in zip(whole, *parts, strict=True):
            torch.testing.assert_close(torch.cat(parts_of), whole_of)
    ordered = [labels for rank in range(3) for _, labels in feed.ordered(4, Team(rank, 3))]
    assert sum(map(len, ordered)) == 22


def test_a_team_of_two_trains_what_one_process_trains(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.training.team_process", "1", "2", str(tmp_path)]
    started = subprocess.Popen(words, cwd=ROOT)
    before = torch.get_num_threads()
    try:
        trained(ALONE, tmp_path)
        trained_together(0, 2, tmp_path)
        assert started.wait(120) == 0
    finally:
        torch.set_num_threads(before)
        started.kill()
        started.wait()
    for ema in (0.0, 0.9):
        stems = [f"ema-{ema}-{name}" for name in ("0-of-1", "0-of-2", "1-of-2")]
        one, two, other = (json.loads((tmp_path / f"{stem}.json").read_text()) for stem in stems)
        assert two == other
        for row, expected in zip(two["curve"], one["curve"], strict=True):
            assert row == pytest.approx(expected, rel=1e-4)
        assert two["test"]["loss"] == pytest.approx(one["test"]["loss"], rel=1e-4)
        assert two["confusion"] == one["confusion"]
        alone, team, mate = (load_file(tmp_path / f"{stem}.safetensors") for stem in stems)
        assert alone.keys() == team.keys()
        for key, value in alone.items():
            torch.testing.assert_close(team[key], value, rtol=1e-3, atol=1e-4)
            assert torch.equal(team[key], mate[key])
