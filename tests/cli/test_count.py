"""`nas count` on the published networks."""

import json

import pytest

from tests.cli.runner import Shell


def test_count_prints_the_published_total_and_every_layer(nas: Shell) -> None:
    called = nas("count", "--space", "igcv3", "--arch", "igcv3-d-1.0")
    assert called.code == 0
    assert "3,491,688" in called.out
    assert "312,970,176" in called.out
    assert called.out.count("shuffle g2") == 32


@pytest.mark.parametrize(
    ("arch", "words", "params", "madds"),
    [
        ("igcv3-d-1.0", [], 3_491_688, 312_970_176),
        ("igcv3-d-1.0", ["--input", "3x32x32", "--classes", "10"], 2_223_498, 166_064_640),
        ("igcv3-w", [], 4_009_896, 337_948_416),
        ("mobilenetv2-1.0", [], 3_504_872, 300_774_272),
        ("mobilenetv2-1.0", ["--input", "3x32x32", "--classes", "100"], 2_351_972, 165_278_720),
    ],
)
def test_json_agrees_with_the_reference_counts(
    nas: Shell, arch: str, words: list[str], params: int, madds: int
) -> None:
    document = json.loads(nas("count", "--arch", arch, *words, "--json").out)
    assert (document["params"], document["madds"]) == (params, madds)
    assert sum(layer["params"] for layer in document["layers"]) == params
    assert sum(layer["madds"] for layer in document["layers"]) == madds


def test_count_takes_the_text_form(nas: Shell) -> None:
    named = json.loads(nas("count", "--arch", "igcv3-w", "--json").out)
    spelled = json.loads(nas("count", "--arch", named["architecture"], "--json").out)
    assert spelled == named
