"""`nas space`: counts, their distribution as text, as JSON and as a page."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.runner import Shell

BUDGET = ["--budget", "25M-flops"]


def test_a_small_budget_is_counted_exactly_and_drawn(nas: Shell) -> None:
    called = nas("space", "igcv3", *BUDGET, "--band", "95-100")
    assert called.code == 0
    assert "exactly 3,164,157,243,392 (" in called.out
    band = re.search(r"exactly ([\d,]+) .* use 95-100 % of 25M-madds", called.out)
    assert band
    assert 0 < int(band[1].replace(",", "")) < 3_164_157_243_392
    plot = called.out.split("madds of the whole space")[1]
    assert "█ within the budget, ░ above it" in plot
    assert re.search(r"─ 25M ─", plot)
    shares = [float(share) for share in re.findall(r"(\d[\d.e+-]*) %", plot)]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_json_holds_integers_of_any_size_and_the_distribution(nas: Shell) -> None:
    document = json.loads(nas("space", "mobilenetv2", "--budget", "150M-flops", "--json").out)
    found = document["feasible"]
    assert not found["exact"]
    assert 0 < found["at_least"] < found["at_most"] < document["size"]
    spread = document["distribution"]
    assert len(spread["edges"]) == len(spread["whole"]) + 1
    assert sum(spread["whole"]) == pytest.approx(document["size"], rel=1e-6)
    assert sum(spread["feasible"]) == pytest.approx(found["estimate"], rel=1e-3)
    assert 150_000_000 in [int(edge) for edge in spread["edges"]]


def test_several_budgets_say_that_they_are_estimated(nas: Shell) -> None:
    budgets = ["--budget", "150M-flops", "--budget", "2.5M-params"]
    called = nas("space", "mobilenetv2", *budgets)
    assert "; bounds) fit the budget (150M-madds, 2.5M-params)" in called.out
    assert re.search(r"estimate [\d.e+]+, 95 % interval [\d.e+]+ to [\d.e+]+ \(", called.out)
    assert "estimated from random draws" in called.out
    assert "░" in called.out
    document = json.loads(nas("space", "mobilenetv2", *budgets, "--json").out)["feasible"]
    low, high = document["interval_95"]
    assert document["at_least"] <= low <= document["estimate"] <= high <= document["at_most"]


def test_a_space_that_is_listed_and_one_without_a_budget(nas: Shell) -> None:
    assert "exactly" in nas("space", "nasnet-a", "--budget", "300M-flops").out
    out = nas("space", "shufflenetv1").out
    assert "fit the budget" not in out
    assert "madds of the whole space\n" in out
    assert "█" in out
    assert "░" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--band", "85-100"], "none is given"),
        ([*BUDGET, "--band", "much"], "'much' is not a band"),
        ([*BUDGET, "--band", "90-80"], "does not rise"),
        ([*BUDGET, "--band", "90-110"], "does not rise"),
        (["--budget", "5M-flops"], "the smallest costs 22.34M madds"),
    ],
)
def test_what_makes_no_sense_is_refused(nas: Shell, words: list[str], said: str) -> None:
    assert said in nas.refused("space", "igcv3", *words)


def test_the_published_error_of_a_space_is_shown(nas: Shell, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text(encoding="utf-8")
    text = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert "% top-1 error" in nas("space", "mine.toml").out
