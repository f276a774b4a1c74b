"""One training on several workers: the curve of one, losses survived, errors in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.errors import NasError, TaskError
from nas.training.loop.run import Run, Watch, train
from nas.tuner.signals import descendants
from nas.tuner.train_workers import Workers, training_workers
from tests.tuner.train_driver import DIGITS, run_in

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before, told = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    torch.set_num_threads(before)
    os.environ.pop("OMP_NUM_THREADS")
    if told is not None:
        os.environ["OMP_NUM_THREADS"] = told


@pytest.fixture(scope="module")
def workers(one_thread):
    with training_workers(2, DIGITS) as found:
        yield found


def curve(folder: Path) -> list[tuple[float, ...]]:
    """Return what a result holds of each epoch, but for the times."""
    rows = json.loads((folder / "result.json").read_text())["history"]
    names = ("epoch", "train_loss", "loss", "top1_error", "top5_error", "lr")
    return [tuple(row[name] for name in names) for row in rows]


def same(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> bool:
    """Tell whether two curves are equal up to the rounding of sums."""
    return all(a == pytest.approx(b, rel=2e-3) for a, b in zip(one, other, strict=True))


def once(act: Callable[[], None], epoch: int) -> Watch:
    """Return a watch that acts after that epoch, the first time."""
    done = []

    def look(run: Run, found: object) -> None:
        if not done and found.epoch >= epoch:
            done.append(True)
            act()

    return Watch(epoch=look)


def kill_a_worker() -> None:
    """Kill -9 one process that trains."""
    for pid in descendants(os.getpid()):
        if b"RayTrainWorker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
            return
    raise AssertionError("no worker found")


def test_two_workers_train_what_one_trains_even_if_one_is_killed(
    workers: Workers, tmp_path: Path
) -> None:
    alone = train(run_in(tmp_path / "alone", 5), False, device="cpu")
    notes = []
    watch = once(kill_a_worker, 2)
    watch.note = notes.append
    team = train(run_in(tmp_path / "team", 5), False, watch, execute=workers)
    assert same(curve(tmp_path / "team"), curve(tmp_path / "alone"))
    assert team.test["top1_error"] == pytest.approx(alone.test["top1_error"], abs=0.01)
    assert sum(map(sum, team.confusion)) == sum(map(sum, alone.confusion)) == 359
    assert len(notes) == 1
    assert "was lost" in notes[0]
    assert team.notes == ["2 CPU workers, 8 images each"]
    assert {path.name for path in (tmp_path / "team").iterdir()} == {
        "result.json", "weights.safetensors",
    }  # fmt: skip


@pytest.mark.slow
def test_the_error_of_a_worker_is_one_line(workers: Workers, tmp_path: Path) -> None:
    run = run_in(tmp_path / "wild", 3)
    wild = replace(run.recipe, lr=100.0, warmup_epochs=0.0, weight_decay=1.0, momentum=0.999)
    with pytest.raises(TaskError, match="diverged in epoch") as caught:
        train(replace(run, recipe=wild, epochs=30), False, execute=workers)
    assert "\n" not in str(caught.value)


def test_batches_that_cannot_be_shared_out_are_refused(workers: Workers, tmp_path: Path) -> None:
    run = run_in(tmp_path, 1)
    odd = replace(run, recipe=replace(run.recipe, batch_size=15))
    with pytest.raises(TaskError, match="shared out equally among 2"):
        train(odd, True, execute=workers)


def test_more_workers_than_there_are_processors_are_refused() -> None:
    with pytest.raises(NasError, match="999 workers want one"), training_workers(999, DIGITS):
        pass


def begun(folder: Path) -> subprocess.Popen[str]:
    """Start a driver in a process of its own."""
    words = [sys.executable, "-m", "tests.tuner.train_driver", str(folder), "400"]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    """Read what it says until that line."""
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    raise AssertionError(f"it never said {line!r}")


@pytest.mark.slow
def test_a_killed_and_an_interrupted_driver_leave_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with begun(folder) as killed:
        wait_for(killed, "epoch 3")
        killed.kill()
    with begun(folder) as interrupted:
        wait_for(interrupted, "ready")  # until it dies, the orphaned worker trains some epochs more
        first = json.loads((folder / "checkpoint.json").read_text())
        assert first["epoch"] >= 3
        wait_for(interrupted, f"epoch {first['epoch'] + 3}")
        asked = time.monotonic()
        interrupted.send_signal(signal.SIGINT)
        assert interrupted.wait(60) == 130
        assert time.monotonic() - asked < 30
    second = json.loads((folder / "checkpoint.json").read_text())
    assert second["epoch"] > first["epoch"]
    assert second["history"][: first["epoch"]] == first["history"]
    alone = run_in(tmp_path / "alone", 400)
    seen = []

    def stop(run: Run, found: object) -> None:
        seen.append((found.train_loss, found.metrics["loss"]))
        if found.epoch == second["epoch"]:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(alone, False, Watch(epoch=stop), device="cpu")
    for row, (train_loss, loss) in zip(second["history"][:8], seen, strict=False):
        assert (row["train_loss"], row["loss"]) == pytest.approx((train_loss, loss), rel=5e-3)
