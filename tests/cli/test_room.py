"""Resources too small for a trial are refused before a study exists."""

from pathlib import Path

import pytest

from tests.cli.runner import Shell
from tests.messages import carries

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cpus-per-trial", "4096"], "4096 CPUs"),
        (["--gpus-per-trial", "99"], "99 GPUs"),
        (["--ray-address", "127.0.0.1:1"], "127.0.0.1:1"),
        (["--ray-address", "ray://127.0.0.1:10001"], "ray://127.0.0.1:10001"),
        (["--ray-address", "127.0.0.1:-1"], "'127.0.0.1:-1' is not the address"),
        (["--ray-address", "127.0.0.1:65536"], "'127.0.0.1:65536' is not the address"),
        (["--ray-address", "local"], "'local' is not the address"),
        (["--ray-address", "a\x1b[31m:1"], r"'a\x1b[31m:1' is not the address"),
        (["--ray-address", "no-host.invalid:6379"], "no-host.invalid:6379"),
    ],
)
def test_refused_without_a_trace(nas: Shell, tmp_path: Path, words: list[str], said: str) -> None:
    assert carries(nas.refused("search", "--budget", "300M-flops", *words), said)
    assert not (tmp_path / "nas.db").exists()
