"""Acceleration on one CPU thread: the same results as without it, and no failure."""

import copy
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from nas.study.evaluator import Job, WorkerPlan
from nas.study.time_profile import PLAIN, Profile, plain_reasons
from nas.training.cpu import VARIABLE, accelerate
from nas.training.cpu.kernels import kernels
from nas.training.evaluator import make
from nas.training.loop.data_parallel import Team
from nas.training.loop.session import Session
from nas.training.network.module import build
from tests.studies import SPACE, small_spec
from tests.training.exact import needs_compiler
from tests.training.nets import RECIPE, coloured_task, small_layers

MACHINE_CODE = "int norm_apply(void) {{ {} }}\nint depthwise_forward(void) {{ return 0; }}\n"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test loads the kernels as a new process does; one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("CC", raising=False)
    kernels.cache_clear()
    yield
    torch.set_num_threads(before)
    kernels.cache_clear()


class Trained(NamedTuple):
    """A session after its training, and the profile of its last epoch."""

    session: Session
    profile: Profile


def trained(**changes: Any) -> tuple[Trained, list[tuple[float, float]]]:
    """Two epochs of a profiled session as a worker trains it."""
    task = coloured_task()
    recipe = replace(RECIPE, **changes)
    session = Session(small_layers(task.input, task.classes), task, recipe, 2, 0, "cpu")
    session.accelerate(accelerate)
    session.profile()
    results = [session.run_epoch() for _ in range(2)]
    profile = results[-1].profile
    assert profile is not None
    return Trained(session, profile), [
        (result.train_loss, result.metrics["loss"]) for result in results
    ]


def reason(run: Trained) -> str:
    (found,) = plain_reasons([run.profile])
    return found


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


# -- the same results ------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"accumulation": 2}, {"bn_batches": 0}])
def test_losses_are_the_same_without_it_but_for_rounding(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, found = trained(**changes)
    assert not plain_reasons([fast.profile])
    monkeypatch.setenv(VARIABLE, "plain")
    plain, expected = trained(**changes)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    assert fast.session.network.state_dict().keys() == plain.session.network.state_dict().keys()
    assert reason(plain) == "NAS_CPU=plain"


@needs_compiler
def test_a_trial_is_the_same_without_it_but_for_rounding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nas.study.results_folder import sign_folder

    spec = small_spec(proxies=False, recipe="digits")
    (tmp_path / "study").mkdir()
    sign_folder(tmp_path / "study", "one")
    plan = WorkerPlan(
        spec.to_json(), str(tmp_path), None, "", "0", profile=True, folder="study", study_id="one"
    )
    errors = []
    for mode in ("", "plain"):
        monkeypatch.setenv(VARIABLE, mode)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        job = Job(0, 1, 0, SPACE.published[0].architecture)
        epochs = [e for e in make(plan).evaluate(job) if hasattr(e, "train_loss")]
        errors.append([epoch.train_loss for epoch in epochs])
        assert bool(plain_reasons([epochs[-1].profile])) == bool(mode)
    assert errors[0][0] == pytest.approx(errors[1][0], rel=1e-2)
    assert errors[0] == pytest.approx(errors[1], rel=5e-2)  # rounding errors grow over the epochs


@needs_compiler
def test_modules_are_passed_over_until_they_are_changed() -> None:
    network = build(small_layers(), torch.Generator().manual_seed(0))
    called = []
    network.get_submodule("body.0.depthwise").register_forward_hook(lambda *_: called.append(1))
    accelerate(network)
    x = torch.randn(2, 1, 8, 8)
    network(x)
    assert not called
    network.change_modules(lambda module: module)
    network(x)
    assert called


@needs_compiler
def test_what_it_does_not_know_pytorch_computes() -> None:
    network = build(small_layers(), torch.Generator().manual_seed(0))
    plain = copy.deepcopy(network)
    assert accelerate(network) == ""
    x = torch.randn(3, 1, 8, 8)
    double, other = copy.deepcopy(network).double(), copy.deepcopy(plain).double()
    assert torch.equal(double(x.double()), other(x.double()))
    network.eval(), plain.eval()
    assert torch.equal(network(x), plain(x))  # with gradients
    torch.set_num_threads(2)
    with torch.inference_mode():
        assert torch.equal(network(x), plain(x))


def test_several_threads_and_several_workers_are_left_to_pytorch() -> None:
    run, _ = trained()
    run.session.join(Team(0, 1))
    torch.set_num_threads(2)
    run, _ = trained()
    assert reason(run) == "the training has 2 CPU threads"


def test_an_unknown_value_is_told_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "fast")
    run, _ = trained()
    assert reason(run) == "NAS_CPU=fast, which is not known; the only value is plain"
    assert PLAIN + reason(run) in run.profile


# -- no failure ------------------------------------------------------------------------------------


def broken_compilers() -> dict[str, tuple[str, str]]:
    """What a compiler may do, and a part of the reason that is told; `$out` is what it writes."""
    compiled = "cc -shared -fPIC -x c -o \"$out\" - <<'CODE'\n{}CODE"
    return {
        "missing": ("", "there is no C compiler"),
        "fails": ("echo 'cc1: out of luck' >&2; exit 3", "out of luck"),
        "knows no such processor": (
            "echo \"error: unknown value 'native' for '-march'\" >&2; exit 1", "native",
        ),
        "writes nothing": ("exit 0", "do not run on this processor"),
        "writes no library": ('echo text > "$out"', "do not run on this processor"),
        "leaves functions out": (compiled.format("int x;\n"), "do not run on this processor"),
        "computes nothing": (
            compiled.format(MACHINE_CODE.format("return 0;")), "its results are wrong",
        ),
        "has other instructions": (
            compiled.format(MACHINE_CODE.format("__builtin_trap();")), "exit code -",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", broken_compilers())
def test_a_broken_compiler_means_plain_pytorch_and_one_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, told = broken_compilers()[kind]
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, "plain")
    _, expected = trained()
    monkeypatch.delenv(VARIABLE)
    out = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && out="$2"; shift; done\n'
    compiler = script(tmp_path / "compiler", out + body) if body else "no-such-compiler"
    monkeypatch.setenv("CC", compiler)
    run, found = trained()
    assert found == expected
    assert told in reason(run)
    assert "\n" not in reason(run)
    assert not list((tmp_path / "cache").glob("kernels-*"))


@needs_compiler
def test_a_cache_that_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    run, _ = trained()
    assert not plain_reasons([run.profile])


@needs_compiler
def test_a_library_is_kept_and_a_damaged_one_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    _, first = trained()
    (kept,) = (tmp_path / "cache").glob("kernels-*.so")
    made = kept.stat().st_mtime_ns
    kernels.cache_clear()
    assert trained()[1] == first
    assert kept.stat().st_mtime_ns == made
    kernels.cache_clear()
    kept.unlink()  # this process has it mapped
    kept.write_bytes(b"half a file")
    assert trained()[1] == first
    assert kept.stat().st_size > 1000
