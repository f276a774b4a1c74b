"""Training steps from a recording: the same training, and what happens where there can be none."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from nas.errors import TaskError
from nas.train.checkpoint import restore_checkpoint, save_checkpoint
from nas.train.graphed import CudaGraph, Graphed, recorder_of
from nas.train.session import Session
from tests.train.nets import RECIPE, coloured_task, small_layers
from tests.train.tape import Tape

GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    ],
)
DEVICES = ["cpu", GPU]


@pytest.fixture(autouse=True)
def by_torch(monkeypatch):
    """Compute as a GPU does, by torch alone: a tape hears of nothing else."""
    monkeypatch.setenv("NAS_KERNELS", "torch")


def session(device: str, recorded: bool = True, epochs: int = 3, **changes) -> Session:
    task = coloured_task()
    layers = small_layers(task.input, task.classes)
    run = Session(layers, task, replace(RECIPE, **changes), epochs, 0, device)
    run.record_with(recorder(run) if recorded else None)
    return run


def recorder(run: Session):
    if run.device.type == "cuda":
        return recorder_of(run.device)
    known = weakref.ref(run)
    return lambda: Tape(lambda: known().stepped())


def trained(run: Session) -> list[torch.Tensor]:
    """Train to the end; return weights and statistics."""
    for _ in range(run.epoch, run.max_epochs):
        run.run_epoch()
    return [tensor.detach().cpu().clone() for tensor in run.network.state_dict().values()]


def alike(run: Session, other: Session) -> None:
    for mine, theirs in zip(trained(run), trained(other), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema": 0.9},
        {"accumulation": 2},
        {"nesterov": False},
        {"momentum": 0.0, "label_smoothing": 0.0},
        {"bn_batches": 4, "weight_decay": 0.0},
    ],
    ids=str,
)
def test_a_recorded_training_is_that_of_single_steps(device, changes):
    run, plain = session(device, **changes), session(device, recorded=False, **changes)
    alike(run, plain)
    assert (run.steps_are, plain.steps_are) == ("recorded", "one by one")
    if run.average:
        pairs = zip(
            run.average.network.parameters(), plain.average.network.parameters(), strict=True
        )
        for mine, theirs in pairs:
            torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-4)


def test_most_steps_are_replayed():
    made = []
    run = session("cpu")
    run.record_with(lambda: made.append(Tape(run.stepped)) or made[-1])
    trained(run)
    steps = 3 * run._train.steps(RECIPE.batch_size)
    assert made[-1].replays == steps - 4  # three rehearsals, and the one beside the recording


def test_the_rate_of_each_epoch_is_said_and_followed():
    run, plain = session("cpu"), session("cpu", recorded=False)
    rates = [(run.run_epoch().lr, plain.run_epoch().lr) for _ in range(3)]
    assert all(one == other for one, other in rates)
    assert rates[0][0] > rates[1][0] > rates[2][0]


@pytest.mark.parametrize("device", DEVICES)
def test_another_size_of_images_is_recorded_anew(device):
    run, plain = session(device), session(device, recorded=False)
    side = run.task.input.height // 2
    for each in (run, plain):
        each.show_at(side)
        each.run_epoch()
        each.show_at(None)
    alike(run, plain)
    assert run.steps_are == "recorded"


@pytest.mark.parametrize("device", DEVICES)
def test_a_resumed_training_records_again(device, tmp_path):
    whole = trained(session(device))
    first = session(device)
    history = [first.run_epoch()]
    save_checkpoint(first, tmp_path, {}, history)
    again = session(device)
    restore_checkpoint(again, tmp_path, {})
    for mine, theirs in zip(trained(again), whole, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-4)
    assert again.steps_are == "recorded"


def test_a_step_that_waits_for_the_device_is_not_recorded(monkeypatch):
    honest = Session.step

    def waits(self, images, labels):
        loss = honest(self, images, labels)
        float(loss)
        return loss

    monkeypatch.setattr(Session, "step", waits)
    run, plain = session("cpu"), session("cpu", recorded=False)
    alike(run, plain)
    assert run.steps_are == (
        "one by one: they cannot be recorded (operation not permitted when stream is capturing)"
    )


def test_a_recording_that_has_frozen_something_is_found_out(monkeypatch):
    honest = Session._set_rate

    def frozen(self, lr):
        honest(self, lr)
        for group in self.optimiser.param_groups:  # a number: recorded as it is
            group["lr"] = lr

    monkeypatch.setattr(Session, "_set_rate", frozen)
    run, plain = session("cpu"), session("cpu", recorded=False)
    alike(run, plain)
    assert run.steps_are.startswith("one by one: a repeated step was ")


def test_what_does_not_repeat_exactly_is_not_recorded():
    assert session("cpu", optimiser="rmsprop", lr=0.01).steps_are == "one by one"
    profiled = session("cpu")
    profiled.profile()
    assert profiled.steps_are == "one by one"


def test_a_session_is_freed_with_its_recording():
    run = session("cpu", epochs=1)
    run.run_epoch()
    gone = weakref.ref(run)
    gc.disable()
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


def test_only_a_gpu_records_and_a_variable_turns_it_off(monkeypatch):
    cuda = torch.device("cuda")
    assert recorder_of(torch.device("cpu")) is None
    assert recorder_of(cuda) is not None
    monkeypatch.setenv("NAS_CUDA_GRAPHS", "off")
    assert recorder_of(cuda) is None
    monkeypatch.setenv("NAS_CUDA_GRAPHS", "maybe")
    with pytest.raises(TaskError, match="'maybe' is no choice"):
        recorder_of(cuda)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_records_by_itself():
    task = coloured_task()
    run = Session(small_layers(task.input, task.classes), task, RECIPE, 1, 0, "cuda")
    run.run_epoch()
    assert run.steps_are == "recorded"
    assert isinstance(run._graphed, Graphed)
    assert isinstance(run._graphed._recorder, CudaGraph)
