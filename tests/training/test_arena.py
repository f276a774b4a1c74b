"""The arena: whether tensors are the same in it, and whether it comes back to where it began."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

# Steps on the same numbers with torch's own allocator and then in the arena, and tensors at random.
PROGRAM = """
import gc, json, random, sys
import torch
from torch import nn
from nas.training.cpu.arena import arena_use, trim_arena, use_arena

torch.set_num_threads(1)

def trained():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 8, 3))
    adam = torch.optim.Adam(net.parameters())
    for _ in range(3):
        adam.zero_grad()
        net(torch.randn(16, 3, 32, 32)).square().mean().backward()
        adam.step()
    return [float(p.double().sum()) for p in net.parameters()]

before, old = trained(), torch.ones(1 << 18)
used = use_arena()
after = trained()
old = None  # freed by the one that gave it
gc.collect()
idle = arena_use().live

dice, held, broken = random.Random(0), {}, 0
for number in range(4000):
    if held and dice.random() < 0.5:
        key = dice.choice(list(held))
        broken += not bool((held.pop(key) == key).all())
    else:
        size = dice.randrange(1, 1 << dice.randrange(8, 20))
        held[number] = torch.full((size,), float(number))
        broken += held[number].data_ptr() % 64
    if number == 2000:
        trim_arena()  # under the tensors that are held
again = torch.arange(1 << 17).resize_(1 << 18)[: 1 << 17]
broken += not torch.equal(again, torch.arange(1 << 17))
most = arena_use()
del again
held.clear()
gc.collect()
grown = torch.empty(most.peak, dtype=torch.uint8)  # all is one block again
print(json.dumps({
    "used": used, "same": before == after, "idle": idle, "broken": broken, "peak": most.peak,
    "touched": most.touched, "live": arena_use().live, "grown": arena_use().touched,
}))
"""


def run(**environment: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_tensors_are_the_same_in_the_arena_and_leave_it_whole():
    found = run()
    if not found["used"]:
        pytest.skip("no C++ compiler")
    assert found["same"]
    assert found["broken"] == 0
    assert found["idle"] == 0
    assert found["live"] == found["peak"]
    assert found["grown"] <= 1.5 * found["touched"]  # from the bottom, not above what was held
    assert found["peak"] > 1 << 20


@pytest.mark.parametrize("environment", [{"NAS_ARENA": "off"}, {"CXX": "false"}])
def test_without_it_all_goes_on(environment: dict[str, str], tmp_path):
    found = run(**environment, NAS_CACHE=str(tmp_path))
    assert (found["used"], found["same"], found["broken"]) == (False, True, 0)
    assert found["peak"] == 0
