"""`nas published`: the golden test of every family, and its output on a wrong count."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nas import space as spaces
from nas.cli import published as verb
from nas.workflows import known_networks
from tests.cli.runner import Shell

# Independent counts of layers as others wrote them; the space files must not drift away from them.
GOLDEN = {
    "igcv3-d-1.0": (3_491_688, 312_970_176),
    "igcv3-w": (4_009_896, 337_948_416),
    "mobilenetv1-1.0": (4_231_976, 568_740_352),
    "mobilenetv1-0.75": (2_585_560, 325_400_448),
    "mobilenetv1-0.5": (1_331_592, 149_497_088),
    "mobilenetv1-0.25": (470_072, 41_030_272),
    "mobilenetv2-1.4": (6_108_776, 582_195_824),
    "mobilenetv2-1.3": (5_386_792, 509_374_560),
    "mobilenetv2-1.0": (3_504_872, 300_774_272),
    "mobilenetv2-0.75": (2_636_424, 209_069_792),
    "mobilenetv2-0.5": (1_968_680, 97_131_840),
    "mobilenetv2-0.35": (1_677_128, 59_285_808),
    "shufflenetv1-g1-1.0": (1_531_936, 143_078_976),
    "shufflenetv1-g2-1.0": (1_733_848, 140_836_512),
    "shufflenetv1-g3-1.0": (1_865_728, 137_460_672),
    "shufflenetv1-g4-1.0": (1_968_344, 134_339_776),
    "shufflenetv1-g8-1.0": (2_434_768, 138_365_952),
    "shufflenetv1-g3-0.5": (718_324, 37_589_856),
    "shufflenetv1-g3-1.5": (3_442_168, 292_443_552),
    "shufflenetv1-g3-2.0": (5_450_776, 524_045_184),
    "nasnet-a-4-1056": (5_289_978, 563_638_816),
    "nasnet-a-4-1056-cropped": (5_289_978, 568_234_858),
}


def test_every_known_network_is_listed_and_every_exact_count_is_equal(nas: Shell) -> None:
    called = nas("published", "--json")
    assert called.code == 0, called.err
    document = json.loads(called.out)
    rows = document["networks"]
    assert document["off"] == []
    assert all(row["agrees"] for row in rows)
    for name in spaces.builtin_names():
        space = spaces.load_space(name)
        entries = (*space.published, *space.variants, *spaces.known_detectors(space))
        known = [entry.name for entry in entries]
        assert [row["name"] for row in rows if row["space"] == name] == known
    (other,) = [row for row in rows if not row["space"]]
    assert (other["name"], other["params"], other["madds"]) == (
        "yolov2-coco", 50_962_889, 14_732_084_224,
    )  # fmt: skip
    deployed = {row["name"]: row for row in rows if row["input"] == "3x224x224"}
    for name, counts in GOLDEN.items():
        assert (deployed[name]["params"], deployed[name]["madds"]) == counts, name


def test_differences_are_those_from_what_is_printed(nas: Shell) -> None:
    rows = json.loads(nas("published", "--json").out)["networks"]
    row = next(row for row in rows if row["name"] == "igcv3-d-1.0")
    assert row["published"]["madds"] == "318M"
    assert row["published_difference"]["madds"] == pytest.approx(312_970_176 / 318e6 - 1)
    assert all(value["source"] for value in (row["published"] for row in rows) if value)


def test_the_table_shows_ours_and_theirs(nas: Shell) -> None:
    called = nas("published")
    assert called.code == 0
    line = next(line for line in called.out.splitlines() if " nasnet-a-4-1056 " in line)
    for words in ("5,289,978", "563,638,816", "equal (params)", "564M", "-0.1 %", "5.3M"):
        assert words in line
    assert "are equal to it." in called.out


def test_an_exact_count_that_is_off_is_an_error(
    nas: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = spaces.load_space("nasnet-a")
    first = space.published[0]
    wrong = replace(first, counted={"params": 5_289_979})
    spoilt = replace(space, published=(wrong, *space.published[1:]))
    monkeypatch.setattr(known_networks, "builtin_names", lambda: ["nasnet-a"])
    monkeypatch.setattr(known_networks, "load_space", lambda name: spoilt)
    assert "1 of 4 networks differ" in nas.refused("published", code=1)
    assert "params -1" in nas("published").out
    row = known_networks.compared(spoilt, wrong)
    assert row["exact_difference"] == {"params": -1, "madds": None}
    assert not row["agrees"]


def test_the_spaces_of_a_user_are_compared(nas: Shell, tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs/spaces.md").read_text(encoding="utf-8")
    example = next(part for part in text.split("```toml\n")[1:] if "[[published]]" in part)
    (tmp_path / "mine.toml").write_text(example.split("```")[0], encoding="utf-8")
    called = nas("published", "mine.toml")
    assert called.code == 0, called.err
    assert "thumbnails-base" in called.out
    assert "23.10 % top-1 error" in called.out
    assert "internal report" in called.out
    assert "igcv3-d-1.0" not in called.out
    both = json.loads(nas("published", "mine.toml", "nasnet-a", "--json").out)["networks"]
    assert {row["space"] for row in both} == {"thumbnails", "nasnet-a"}
    assert both[0]["published"]["top1_error"] == 0.231


def test_a_file_without_known_networks_says_what_to_add(nas: Shell, tmp_path: Path) -> None:
    text = spaces.load_space("igcv2").source.split("[[published]]")[0]
    (tmp_path / "bare.toml").write_text(text, encoding="utf-8")
    assert "Add a [[published]]" in nas.refused("published", "bare.toml")
    assert "Did you mean igcv3" in nas.refused("published", "igvc3")


def test_every_number_that_is_printed_is_shown() -> None:
    numbers = {"madds": "1G", "cifar10_error": 0.0522, "cifar100_top1_error": "about 23 %",
               "imagenet_top5_accuracy": 0.9, "coco_map": 0.222,
               "source": "a paper", "year": 2018}  # fmt: skip
    assert verb.printed_besides(numbers) == [
        "5.22 % cifar10 error", "about 23 % cifar100 top-1 error",
        "90.00 % ImageNet top-5 accuracy", "22.20 % COCO mAP", "2018 year",
    ]  # fmt: skip


def test_no_heavy_library_is_loaded() -> None:
    code = (
        "import sys; sys.argv = ['nas', 'published']\n"
        "from nas.cli import main\n"
        "try: main()\n"
        "finally: print({'torch', 'ray', 'optuna', 'plotly', 'sqlalchemy'}.isdisjoint(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("True"), done.stderr


def test_count_takes_a_variant_at_its_own_input_and_classes(nas: Shell) -> None:
    words = ("count", "--space", "nasnet-a", "--arch", "nasnet-a-6-768", "--json")
    document = json.loads(nas(*words).out)
    assert (document["input"], document["classes"]) == ("3x32x32", 10)
    assert document["params"] == 3_346_538
    wider = json.loads(nas(*words, "--classes", "100").out)
    assert wider["params"] - document["params"] == 90 * 769
    assert nas.refused("count", "--space", "nasnet-a", "--arch", "nasnet-b").startswith("nas: ")


def test_count_takes_a_detector_by_its_name(nas: Shell) -> None:
    document = json.loads(nas("count", "--arch", "ssdlite-igcv3-d", "--json").out)
    assert (document["params"], document["madds"]) == (4_000_245, 794_480_832)
    assert (document["input"], document["classes"]) == ("3x320x320", 80)
    assert "Add --space mobilenetv2." in nas.refused("count", "--arch", "ssdlite-mobilenetv2")


def test_a_detector_is_printed_with_its_map(nas: Shell) -> None:
    called = nas("published", "mobilenetv2")
    line = next(line for line in called.out.splitlines() if "ssdlite-mobilenetv2" in line)
    for words in ("4,337,013", "788,830,144", "equal (params, madds)", "0.8G", "22.10 % COCO mAP"):
        assert words in line


def test_a_task_without_a_head_of_its_own_changes_nothing(nas: Shell) -> None:
    words = ("count", "--arch", "igcv3-d-1.0", "--task", "digits")
    assert "Leave --task out" in nas.refused(*words)
    assert "--task" in nas.refused("count", "some-study", "--best", "--task", "digits")
