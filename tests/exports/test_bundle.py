"""The export as a whole: complete and checked, or not there at all."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas.cost.model import Cost, CostModel
from nas.errors import ExportError, WeightsError
from nas.exports import bundle, onnx_file, source_file
from nas.exports.bundle import check_target, export_network
from nas.exports.onnx_file import load
from nas.exports.request import ExportRequest
from nas.space.file import load_space
from nas.training.network.fvcore_count import fvcore_cost
from tests.exports.small_networks import make_trained

Listing = Callable[[Path], list[str]]
FILES = ("network.py", "weights.safetensors", "network.onnx", "card.json")
STEPS = (
    (bundle, "fvcore_cost"), (bundle, "prepare_network"), (bundle, "reference"),
    (source_file, "write_source"), (source_file, "run_source"), (onnx_file, "write_onnx"),
    (bundle, "make_card"), (bundle, "publish"),
)  # fmt: skip


def test_trained_network_is_exported_whole(
    trained: ExportRequest, tmp_path: Path, listing: Listing
) -> None:
    out = tmp_path / "new" / "out"
    assert export_network(trained, out) == [out / name for name in FILES]
    assert listing(out) == sorted(FILES)
    assert listing(out.parent) == ["out"]
    assert trained.training
    assert (out / "weights.safetensors").read_bytes() == trained.training.weights.read_bytes()
    card = json.loads((out / "card.json").read_text())
    assert (card["study"], card["trial"], card["trained"]) == ("my-study", 7, True)
    assert card["architecture"]["arch_id"] == trained.architecture.arch_id
    assert trained.space.parse(card["architecture"]["text"]) == trained.architecture
    assert card["architecture"]["space_sha256"] == trained.space.space_hash
    assert card["network"]["input"] == "1x8x8"
    assert card["network"]["class_names"] == [f"class {k}" for k in range(10)]
    assert card["normalisation"]["mean"] == [0.25]
    assert card["training"]["exported_weights"]["test"] == {"top1_error": 0.06, "loss": 0.21}
    score = card["training"]["scores"]["test"]
    assert (score["top1_error"], score["seeds"], score["images"]) == (pytest.approx(0.07), 2, 359)
    assert score["low"] == 0.0 < score["top1_error"] < score["high"]
    assert (card["training"]["epochs"], card["training"]["trial_seed"]) == (9, 123)
    cost = CostModel(trained.space).cost(trained.architecture)
    deployment = card["cost"]["deployment"]
    assert (deployment["input"], deployment["classes"]) == ("3x32x32", 20)
    for counter in ("nas", "fvcore"):
        assert Cost(**deployment[counter]) == cost
    assert card["cost"]["exported"]["nas"]["madds"] < cost.madds
    assert card["checks"]["network.py"]["max_abs_error"] == 0.0
    assert 0.0 < card["checks"]["network.onnx"]["max_relative_error"] <= 1e-4
    assert set(card["versions"]) >= {"nas", "python", "torch", "onnx", "onnxruntime"}
    assert card["created_at"].endswith("+00:00")
    for entry in card["files"]:
        content = (out / entry["name"]).read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_untrained_export_says_so_and_repeats(plain: ExportRequest, tmp_path: Path) -> None:
    weights = []
    for name in ("a", "b"):
        export_network(plain, tmp_path / name)
        weights.append(load_file(tmp_path / name / "weights.safetensors"))
    card = json.loads((tmp_path / "a" / "card.json").read_text())
    assert card["trained"] is False
    assert card["training"] is None
    assert card["weights"] == "drawn from seed 0, not trained"
    assert card["cost"]["exported"]["nas"] == card["cost"]["deployment"]["nas"]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    text = (tmp_path / "a" / "network.py").read_text()
    assert "not trained" in text
    assert "prepare" not in text


@pytest.mark.parametrize(
    ("name", "madds", "params"),
    [
        ("igcv3-d-1.0", 312_970_176, 3_491_688),
        pytest.param("igcv3-w", 337_948_416, 4_009_896, marks=pytest.mark.slow),
        ("mobilenetv2-1.0", 300_774_272, 3_504_872),
    ],
)
def test_published_networks(name: str, madds: int, params: int, tmp_path: Path) -> None:
    request = make_trained(load_space("igcv3"), name, tmp_path / "w.safetensors")
    out = tmp_path / "out"
    export_network(request, out)
    deployment = json.loads((out / "card.json").read_text())["cost"]["deployment"]
    assert (deployment["fvcore"]["madds"], deployment["fvcore"]["params"]) == (madds, params)
    assert load(out / "network.onnx")(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_existing_output_is_refused_before_any_work(
    plain: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "card.json").write_text("{}")
    monkeypatch.setattr(bundle, "fvcore_cost", lambda *_: pytest.fail("work was done"))
    with pytest.raises(ExportError, match="already") as caught:
        export_network(plain, out)
    assert "--force" in caught.value.remedy
    (out / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(ExportError, match=r"thesis\.tex"):
            export_network(plain, out, force)
    (tmp_path / "file").write_text("")
    for force in (False, True):
        with pytest.raises(ExportError, match="is a file"):
            check_target(tmp_path / "file", force)


def test_force_replaces_an_earlier_export(
    plain: ExportRequest, tmp_path: Path, listing: Listing
) -> None:
    out = tmp_path / "out"
    out.mkdir()  # an empty directory needs no force
    export_network(plain, out)
    (out / "weights.safetensors").unlink()
    (out / "network.py").write_text("old")
    export_network(plain, out, force=True)
    assert listing(out) == sorted(FILES)
    assert "def build()" in (out / "network.py").read_text()
    assert listing(tmp_path) == ["out"]


def test_directory_that_cannot_be_written_is_named(plain: ExportRequest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (Path("/proc/nas-export/out"), tmp_path / "file" / "out"):
        with pytest.raises(ExportError, match="cannot be written") as caught:
            export_network(plain, target)
        assert str(target) in caught.value.cause


@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_interruption_leaves_everything_as_it_was(
    module: ModuleType,
    step: str,
    plain: ExportRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: Listing,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, interrupt)
    old = tmp_path / "old"
    old.mkdir()
    (old / "card.json").write_text("an earlier export")
    with pytest.raises(KeyboardInterrupt):
        export_network(plain, tmp_path / "new")
    if step in ("fvcore_cost", "publish"):  # once early and once late
        with pytest.raises(KeyboardInterrupt):
            export_network(plain, old, force=True)
    assert listing(tmp_path) == ["old"]
    assert (old / "card.json").read_text() == "an earlier export"


@pytest.mark.parametrize("step", ["write_source", "write_onnx", "publish"])
def test_a_killed_export_leaves_no_export(
    step: str, plain: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (module,) = (module for module, name in STEPS if name == step)
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(module, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            export_network(plain, tmp_path / "out")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert not (tmp_path / "out").exists()


def test_interruption_between_the_renames_puts_the_old_export_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: Listing
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for directory in (old, new):
        directory.mkdir()
        (directory / "card.json").write_text(directory.name)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self == new:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bundle.publish(new, old)
    assert (old / "card.json").read_text() == "old"
    assert listing(tmp_path) == ["new", "old"]


def test_counts_that_differ_stop_the_export(
    plain: ExportRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: Listing
) -> None:
    monkeypatch.setattr(bundle, "fvcore_cost", lambda *args: fvcore_cost(*args) + Cost(1, 0, 0))
    with pytest.raises(ExportError, match="counts at 3x32x32 differ"):
        export_network(plain, tmp_path / "out")
    assert listing(tmp_path) == []


def _missing(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _other_shape(path: Path) -> None:
    tensors = load_file(path)
    save_file({**tensors, "classifier.bias": torch.zeros(11)}, path)


def _key_lost(path: Path) -> None:
    tensors = load_file(path)
    del tensors["head.conv.weight"]
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (_missing, "cannot be read"),
        (_truncated, "contains no weights"),
        (_other_shape, r"classifier\.bias"),
        (_key_lost, r"head\.conv\.weight"),
    ],
)
def test_spoilt_weights_are_refused(
    trained: ExportRequest,
    tmp_path: Path,
    listing: Listing,
    spoil: Callable[[Path], None],
    cause: str,
) -> None:
    assert trained.training
    assert isinstance(trained.training.weights, Path)
    spoil(trained.training.weights)
    before = listing(tmp_path)
    with pytest.raises(WeightsError, match=cause):
        export_network(trained, tmp_path / "out")
    assert listing(tmp_path) == before


def test_weights_that_changed_since_they_were_recorded_are_refused(
    trained: ExportRequest, tmp_path: Path
) -> None:
    assert trained.training
    content = trained.training.weights.read_bytes()
    recorded = hashlib.sha256(content).hexdigest()
    trained.training.weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = replace(trained, training=replace(trained.training, sha256=recorded))
    with pytest.raises(WeightsError, match="have changed"):
        export_network(changed, tmp_path / "out")
