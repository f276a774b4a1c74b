"""`nas train`: refused arguments; `tests/integration/test_train.py` trains."""

from pathlib import Path

import pytest

from nas.store import open_store
from tests.cli.runner import Shell

pytestmark = pytest.mark.usefixtures("ray_ahead")

SPACE = """
schema = 1
name = "tiny"
block = "igcv3"
title = "a tiny space"
[deployment]
input = "3x32x32"
classes = 10
[stem]
width = 8
stride = 1
[head]
width = 32
[adaptation]
drop_strides = []
[choices]
depth = 1
expansion = [2, 4]
g1 = [1, 2]
g2 = 2
relu = "depthwise"
permute2 = false
[[stage]]
name = "stage1"
stride = 2
width = 16
"""
ARCH = "depth=1,width=16,expansion=2,g1=2,g2=2,relu=depthwise,permute2=no"
OTHER = ARCH.replace("expansion=2", "expansion=4")
QUICK = ["--epochs", "1", "--limit", "100", "--set", "bn_batches=2", "--no-export"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPACE)
    return tmp_path


def words(*more: str, arch: str = ARCH) -> list[str]:
    quick = [word for word in QUICK if word != "--no-export" or "--export" not in more]
    return ["train", "--space", "tiny.toml", "--arch", arch, *quick, *more]


def test_a_database_that_cannot_be_written_is_found_before_training(
    nas: Shell, place: Path
) -> None:
    (place / "bad.db").write_text("no database")
    nas.refused(*words("--db", "bad.db"), code=4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["train"], "needs one network"),
        (["train", "study", "--arch", "x"], "needs one network"),
        (["train", "--best"], "needs one network"),
        (["train", "--arch", "resnet-50"], "resnet-50"),
        (words("--set", "rate=1"), "unknown field 'rate'"),
        (words("--set", "lr"), "not a setting"),
        (words("--recipe", "magic"), "magic"),
        (words("--task", "mnist"), "mnist"),
        (words("--data", "gone"), "gone"),
        (words("--task", "imagenet"), "needs the folder"),
        (words("--image-size", "64"), "8x8"),
        (words("--against", ARCH), "with itself"),
        (words("--against", "nowhere"), "nowhere"),
        (
            [
                word
                for word in words("--workers", "999", "--set", "batch_size=1998")
                if word not in ("--limit", "100")
            ],
            "999 workers",
        ),
        (words("--workers", "3"), "equally among 3"),
        (words("--workers", "2", "--max-concurrent", "2"), "--max-concurrent has no effect"),
    ],
)
def test_wrong_words_leave_nothing_behind(
    nas: Shell, place: Path, given: list[str], said: str
) -> None:
    assert said in nas.refused(*given)
    assert [path.name for path in place.iterdir()] == ["tiny.toml"]


def test_an_unknown_study(nas: Shell, place: Path) -> None:
    open_store(str(place / "nas.db")).close()
    nas.refused("train", "nowhere", "--best", "--db", "nas.db", code=4)
