"""A fresh interpreter that loads exported source files, for the tests to compare with."""

# Runs in a fresh interpreter that may import torch, safetensors and what these need, but not nas.
FRESH = """
import importlib.util, sys
from pathlib import Path
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nas", "search_spaces", "ray", "optuna", "fvcore", "onnx"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)  # as the other process: a sum split differently rounds differently
for folder in map(Path, sys.argv[1:]):
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.build()
    network.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
    network.eval()
    case = torch.load(folder / "case.pt")
    with torch.inference_mode():
        assert torch.equal(network(module.prepare(case["images"])), case["logits"]), folder
        if "prepared" in case:
            assert torch.equal(module.prepare(case["images"]), case["prepared"]), folder
    print(folder.name)
"""
