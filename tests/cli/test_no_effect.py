"""An option that has no effect in a call is refused, in every verb, before anything is done."""

from pathlib import Path
from typing import Any

import pytest

import nas as api
from nas.errors import NoEffectError
from tests import tables
from tests.cli.runner import Shell
from tests.messages import carries

pytestmark = pytest.mark.usefixtures("ray_ahead")

BUDGET = {"budget": "300M-flops"}
CALLS = [
    ("search", {**BUDGET, "confirm": 0, "seeds": 5}, "seeds"),
    ("search", {**BUDGET, "confirm": 0, "teach": True}, "teach"),
    ("search", {**BUDGET, "rungs": (2, 4, 8), "epochs": 20}, "epochs"),
    ("search", {**BUDGET, "task": "digits", "rungs": (8,), "eta": 4}, "eta"),
    ("search", {**BUDGET, "task": "digits", "epochs": 1, "eta": 4}, "eta"),
    ("search", {**BUDGET, "task": "digits", "epochs": 1, "judge": "error"}, "judge"),
    ("search", {**BUDGET, "task": "digits", "rungs": (8,), "judge": "inferred"}, "judge"),
    ("search", {**BUDGET, "latency": {"threads": 2}}, "latency.threads"),
    ("search", {**BUDGET, "latency": {"runtime": "torch"}}, "latency.runtime"),
    ("search", {**BUDGET, "latency": {"table": "t.json"}}, "latency.table"),
    ("search", {"budget": "5ms-latency@cuda", "latency": {"threads": 2}}, "latency.threads"),
    ("search", {**BUDGET, "task": "digits", "data": "d"}, "data"),
    ("search", {**BUDGET, "task": "digits", "skip_corrupt": True}, "skip_corrupt"),
    ("search", {**BUDGET, "task": "cifar10", "skip_corrupt": True}, "skip_corrupt"),
    ("search", {**BUDGET, "task": "digits", "run": {"loaders": 2}}, "loaders"),
    ("search", {**BUDGET, "sampler": "random", "learn_from": "s"}, "learn_from"),
    ("compare-spaces", {**BUDGET, "task": "digits", "data": "d"}, "data"),
    ("compare-spaces", {**BUDGET, "task": "digits", "run": {"loaders": 2}}, "loaders"),
    ("count", {"arch": "igcv3-w", "db": "x.db"}, "db"),
    ("export", {"arch": "igcv3-w", "db": "x.db"}, "db"),
]  # the same calls of a command and of the Python API

SEARCH = ["search", "--budget", "300M-flops"]
RESUME = ["resume", "s"]
STORED = ["compare-spaces", "--study", "s"]
IDLE = [
    ([*SEARCH, "--confirm", "0", "--seeds", "3"], "--seeds"),  # typed, though the default
    ([*SEARCH, "--learn-from", "s", "--no-learn"], "--learn-from"),
    ([*SEARCH, "--sampler", "random", "--no-learn"], "--no-learn"),
    ([*SEARCH, "--sampler", "matched", "--no-learn"], "--no-learn"),
    (["space", "igcv3", "--latency-threads", "2"], "--latency-threads"),
    (["space", "igcv3", "--budget", "300M-flops", "--latency-runtime", "torch"], "--latency-run"),
    (["count", "s", "--trial", "1", "--space", "mobilenetv2"], "--space"),
    (["latency", "s", "--best", "--space", "igcv3"], "--space"),
    (["latency", "--arch", "igcv3-w", "--db", "x.db"], "--db"),
    (["latency", "--arch", "igcv3-w", "--device", "cuda", "--threads", "2"], "--threads"),
    (["export", "s", "--best", "--space", "mobilenetv2", "-o", "o"], "--space"),
    (["export", "s", "--trial", "1", "--input", "3x224x224", "-o", "o"], "--input"),
    (["export", "s", "--trial", "1", "--classes", "1000", "-o", "o"], "--classes"),
    (["export", "s", "--best", "--strides", "2,1", "-o", "o"], "--strides"),
    (["export", "--arch", "igcv3-w", "--deploy", "-o", "o"], "--deploy"),
    (["train", "s", "--best", "--space", "igcv3"], "--space"),
    (["train", "s", "--best", "--strides", "2,1"], "--strides"),
    (["train", "--arch", "igcv3-w", "--skip-corrupt"], "--skip-corrupt"),
    (["train", "--arch", "igcv3-w", "--task", "digits", "--data", "d"], "--data"),
    (["train", "--arch", "igcv3-w", "--task", "digits", "--loaders", "2"], "--loaders"),
    (["train", "--arch", "igcv3-w", "--loaders", "2"], "--loaders"),
    (["train", "--arch", "igcv3-w", "--epochs", "3", "--set", "epochs=4"], "--epochs"),
    (["train", "--arch", "igcv3-w", "--teacher", "s", "--set", "teacher=[]"], "--teacher"),
    (["train", "--arch", "igcv3-w", "--workers", "2", "--max-concurrent", "1"], "--max-concurrent"),
    (["front", "s", "--csv", "--json"], "--csv"),
    ([*SEARCH, "--verbose", "--quiet"], "--verbose"),
    ([*SEARCH, "-v", "--json"], "--verbose"),
    ([*SEARCH, "--dashboard", "--quiet"], "--dashboard"),
    ([*SEARCH, "--dashboard", "--json"], "--dashboard"),
    ([*SEARCH, "--dashboard", "--submit"], "--dashboard"),
    (["train", "--arch", "igcv3-w", "--dashboard", "--json"], "--dashboard"),
    ([*RESUME, "-v", "--quiet"], "--verbose"),
    ([*RESUME, "-v", "--json"], "--verbose"),
    (["compare-spaces", "igcv3", "mobilenetv2", "-v", "--quiet"], "--verbose"),
    (["export", "--arch", "igcv3-w", "--results", "r", "-o", "o"], "--results"),
    ([*STORED, "-n", "30"], "-n"),
    ([*STORED, "--task", "digits"], "--task"),
    ([*STORED, "--vary", "g1"], "--vary"),
    ([*STORED, "--input", "3x64x64"], "--input"),
    ([*STORED, "--results", "r"], "--results"),
    ([*STORED, "--profile"], "--profile"),
    (["prove", "t.csv", "--samplers", "random", "--ours", "random"], "--ours"),
    (["prove", "t.csv", "--samplers", "tpe:multi,tpe:single", "--objectives", "single"], "--obj"),
]


EXCLUSIVE = [
    ["--trial", "1", "--csv"], ["--trial", "1", "--all"], ["--trial", "1", "--profile"],
    ["--csv", "--all"], ["--csv", "--json"], ["--all", "--json"], ["--all", "--profile"],
]  # fmt: skip


def words_of(verb: str, settings: dict[str, Any]) -> list[str]:
    """Return the words of a call of the Python API."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            prefix = "latency_" if name == "latency" else ""
            flat |= {prefix + inner: each for inner, each in value.items()}
        else:
            flat[name] = value
    words = [verb]
    for name, value in flat.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
    return words + (["igcv3", "mobilenetv2"] if verb == "compare-spaces" else [])


def call(verb: str, settings: dict[str, Any]) -> None:
    """Call the function of the Python API."""
    requests = {"latency": api.LatencyRequest, "run": api.RunRequest}
    given = {
        name: requests[name](**value) if name in requests else value
        for name, value in settings.items()
    }
    if verb == "search":
        api.search("igcv3", **given)
    elif verb == "compare-spaces":
        api.compare_spaces(("igcv3", "mobilenetv2"), **given)
    elif verb == "export":
        api.export("igcv3", given.pop("arch"), "out", **given)
    else:
        api.count("igcv3", given.pop("arch"), **given)


@pytest.mark.parametrize(("verb", "settings", "setting"), CALLS, ids=str)
def test_command_and_python_refuse_the_same_calls(
    nas: Shell, tmp_path: Path, verb: str, settings: dict[str, Any], setting: str
) -> None:
    more = ["-o", "out"] if verb == "export" else []
    option = f"--{setting.replace('_', '-').replace('.', '-')}"
    error = nas.refused(*words_of(verb, settings), *more)
    assert error.startswith(f"nas: {option} has no effect: ")
    with pytest.raises(NoEffectError, match=f"^{setting} has no effect: ") as caught:
        call(verb, settings)
    assert caught.value.setting == setting
    assert "{" not in error + str(caught.value)
    assert "--" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "option"), IDLE, ids=lambda value: " ".join(value))
def test_an_option_without_effect_is_refused(
    nas: Shell, tmp_path: Path, words: list[str], option: str
) -> None:
    error = nas.refused(*words)
    assert error.startswith(f"nas: {option}")
    assert "has no effect: " in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", EXCLUSIVE, ids=" ".join)
def test_ways_to_show_a_study_exclude_each_other(nas: Shell, words: list[str]) -> None:
    error = nas.refused("show", "s", *words)
    assert all(word in error for word in words if word.startswith("--"))
    assert "cannot be given together" in error


def test_trainings_that_nobody_repeated_cannot_confirm(nas: Shell, tmp_path: Path) -> None:
    header = [name for name in tables.HEADER if name != "acc_s1"]
    once = [[*row[:6], *row[7:]] for row in tables.rows()]
    tables.write(tmp_path / "once.csv", once, header)
    words = ["prove", "once.csv", "--samplers", "random", "--seeds", "1", "--trainings", "5"]
    assert carries(nas.refused(*words, "--confirm", "2"), "--confirm … once.csv")
    assert nas(*words, "--jobs", "1").code == 0


def test_a_limit_above_the_number_of_images_is_said() -> None:
    from nas.training.data import load_task

    assert carries(load_task("digits", limit=2000).note, "2,000 training images")
    assert "limit" not in load_task("digits", limit=1079).note
    assert carries(load_task("digits", limit=100).note, "only 100 training images")


def test_what_the_environment_says_is_no_option(
    nas: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DB", "elsewhere.db")
    assert nas("count", "--arch", "igcv3-w").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--budget", "1M-flops", "--confirm", "2", "--seeds", "5"],
        ["search", "--budget", "1M-flops", "--rungs", "2,4,8", "--epochs", "8"],
        ["search", "--budget", "1M-flops", "--json", "--quiet"],
        ["search", "--budget", "1M-flops", "--task", "digits", "--loaders", "0"],
    ],
)
def test_an_option_whose_wish_is_fulfilled_passes(nas: Shell, words: list[str]) -> None:
    assert "the smallest costs" in nas.refused(*words)


def test_a_priority_has_an_effect_on_a_cluster_whatever_the_number_of_workers() -> None:
    for workers in (1, 2):
        run = api.RunRequest(workers=workers, ray_address="head:6379", priority=2.0)
        assert "priority" not in [each.setting for each in run.no_effects()]
    with pytest.raises(NoEffectError, match="priority"):
        api.RunRequest(priority=2.0)
