"""An option that has no effect in a call is refused, in every verb, before anything is done."""

import click
import pytest

from nas.cli import app
from tests import tables
from tests.messages import carries

SEARCH = ["search", "--budget", "300M-flops"]
RESUME = ["resume", "s"]
STORED = ["compare-spaces", "--study", "s"]
IDLE = [
    ([*SEARCH, "--confirm", "0", "--seeds", "5"], "--seeds"),
    ([*SEARCH, "--rungs", "2,4,8", "--epochs", "20"], "--epochs"),
    ([*SEARCH, "--task", "digits", "--rungs", "8", "--eta", "4"], "--eta"),
    ([*SEARCH, "--task", "digits", "--epochs", "1", "--eta", "4"], "--eta"),
    ([*SEARCH, "--latency-threads", "2"], "--latency-threads"),
    ([*SEARCH, "--latency-runtime", "torch"], "--latency-runtime"),
    ([*SEARCH, "--latency-table", "t.json"], "--latency-table"),
    (["search", "--budget", "5ms-latency@cuda", "--latency-threads", "2"], "--latency-threads"),
    ([*SEARCH, "--task", "digits", "--data", "d"], "--data"),
    ([*SEARCH, "--task", "digits", "--skip-corrupt"], "--skip-corrupt"),
    ([*SEARCH, "--task", "cifar10", "--skip-corrupt"], "--skip-corrupt"),
    ([*SEARCH, "--task", "digits", "--loaders", "2"], "--loaders"),
    ([*SEARCH, "--task", "cifar10", "--data", "d", "--loaders", "2"], "--loaders"),
    (["space", "igcv3", "--latency-threads", "2"], "--latency-threads"),
    (["space", "igcv3", "--budget", "300M-flops", "--latency-runtime", "torch"], "--latency-run"),
    (["count", "s", "--trial", "1", "--space", "mobilenetv2"], "--space"),
    (["count", "--arch", "igcv3-w", "--db", "x.db"], "--db"),
    (["latency", "s", "--best", "--space", "igcv3"], "--space"),
    (["latency", "--arch", "igcv3-w", "--db", "x.db"], "--db"),
    (["latency", "--arch", "igcv3-w", "--device", "cuda", "--threads", "2"], "--threads"),
    (["export", "s", "--best", "--space", "mobilenetv2", "-o", "o"], "--space"),
    (["export", "s", "--trial", "1", "--input", "3x224x224", "-o", "o"], "--input"),
    (["export", "s", "--trial", "1", "--classes", "1000", "-o", "o"], "--classes"),
    (["export", "s", "--best", "--strides", "2,1", "-o", "o"], "--strides"),
    (["export", "--arch", "igcv3-w", "--deploy", "-o", "o"], "--deploy"),
    (["export", "--arch", "igcv3-w", "--db", "x.db", "-o", "o"], "--db"),
    (["train", "s", "--best", "--space", "igcv3"], "--space"),
    (["train", "s", "--best", "--strides", "2,1"], "--strides"),
    (["train", "--arch", "igcv3-w", "--skip-corrupt"], "--skip-corrupt"),
    (["train", "--arch", "igcv3-w", "--task", "digits", "--data", "d"], "--data"),
    (["train", "--arch", "igcv3-w", "--task", "digits", "--loaders", "2"], "--loaders"),
    (["train", "--arch", "igcv3-w", "--loaders", "2"], "--loaders"),
    (["train", "--arch", "igcv3-w", "--epochs", "3", "--set", "epochs=4"], "--set"),
    (["train", "--arch", "igcv3-w", "--ray-address", "h:1"], "--ray-address"),
    (["front", "s", "--csv", "--json"], "--csv"),
    ([*SEARCH, "--verbose", "--quiet"], "--verbose"),
    ([*SEARCH, "-v", "--json"], "--verbose"),
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


@pytest.mark.parametrize(("words", "option"), IDLE, ids=lambda value: " ".join(value))
def test_an_option_without_effect_is_refused(nas, tmp_path, words, option):
    error = nas.refused(*words)
    assert error.startswith(f"nas: {option}")
    assert "has no effect: " in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", EXCLUSIVE, ids=" ".join)
def test_ways_to_show_a_study_exclude_each_other(nas, words):
    error = nas.refused("show", "s", *words)
    assert all(word in error for word in words if word.startswith("--"))
    assert "cannot be given together" in error


def test_trainings_that_nobody_repeated_cannot_confirm(nas, tmp_path):
    header = [name for name in tables.HEADER if name != "acc_s1"]
    once = [[*row[:6], *row[7:]] for row in tables.rows()]
    tables.write(tmp_path / "once.csv", once, header)
    words = ["prove", "once.csv", "--samplers", "random", "--seeds", "1", "--trainings", "5"]
    assert carries(nas.refused(*words, "--confirm", "2"), "--confirm … once.csv")
    assert nas(*words, "--jobs", "1").code == 0


def test_a_limit_above_the_number_of_images_is_said():
    from nas.training.data import load_task

    assert carries(load_task("digits", limit=2000).note, "2,000 training images")
    assert "limit" not in load_task("digits", limit=1079).note
    assert carries(load_task("digits", limit=100).note, "only 100 training images")


def test_what_the_environment_says_is_no_option(nas, monkeypatch):
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
def test_an_option_whose_wish_is_fulfilled_passes(nas, words):
    assert "the smallest costs" in nas.refused(*words)


def test_every_rule_names_an_option_of_its_verb():
    from nas.cli import effects

    root = click.Context(app)
    tables = {
        "search": effects.SEARCH, "resume": effects.RESUME, "space": effects.LATENCY,
        "count": effects.NETWORK,
        "latency": effects.NETWORK, "export": effects.EXPORT, "train": effects.TRAIN,
        "compare-spaces": effects.COMPARE, "prove": effects.PROVE,
    }  # fmt: skip
    for verb, rules in tables.items():
        command = app.get_command(root, verb)
        names = {parameter.name for parameter in command.params}
        assert {rule.option for rule in rules} <= names, verb
