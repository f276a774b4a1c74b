"""Training-free scores in a table: read, checked, shown to the sampler only where they may be."""

from pathlib import Path

import numpy as np
import pytest
import tables

from nas.audit import BASELINES
from nas.errors import SpaceError
from nas.prove.runs import Bench, Entry, Setting
from nas.prove.simulate import Cluster
from nas.samplers import make_sampler
from nas.tables import Table, TableSpace
from nas.trial import TrialState

GOOD = "a,b,acc,naswot,zico\n1,x,90,-3.5,1e2\n2,x,92,,7\n1,y,80,0,-7\n2,y,82,12,8\n"
SCORED = 'scores = ["naswot", "zico"]\nchoices = ["a", "b"]\n'


def read(tmp_path, text=GOOD, toml=SCORED):
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.toml").write_text(toml)
    return Table.read(tmp_path / "t.csv")


def test_scores_have_any_sign_and_may_be_missing(tmp_path):
    table = read(tmp_path)
    assert [table.scores(index) for index in range(4)] == [
        {"naswot": -3.5, "zico": 100.0},
        {"zico": 7.0},
        {"naswot": 0.0, "zico": -7.0},
        {"naswot": 12.0, "zico": 8.0},
    ]
    assert TableSpace(table, []).scores(table.architectures[1]) == {"zico": 7.0}


def test_nothing_is_a_score_unless_the_toml_says_so(tmp_path):
    table = read(tmp_path, toml='choices = ["a", "b"]\n')
    assert table.columns.scores == ()
    assert table.scores(0) == {}
    assert any("naswot, zico" in note for note in table.notes)


def test_the_scores_of_a_network_are_those_of_its_canonical_spelling(tmp_path):
    text = "name,a,b,acc,canonical,s\np,1,1,90,p,1\nq,1,2,91,p,2\nr,2,1,92,r,3\n"
    roles = 'scores = ["s"]\nchoices = ["a", "b"]\nname = "name"\ncanonical = "canonical"\n'
    table = read(tmp_path, text, roles)
    assert [table.scores(index)["s"] for index in range(len(table))] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("change", "toml", "said"),
    [
        (("12", "much"), SCORED, ["line 5", "naswot", "'much'"]),
        (("12", "nan"), SCORED, ["line 5", "naswot", "'nan'", "leave the cell empty"]),
        (("12", "inf"), SCORED, ["line 5", "'inf'"]),
        (("2,y,82,12", "1,y,80,12"), SCORED, ["lines 4 and 5", "different scores"]),
        (("x", "x"), 'scores = ["naswott"]', ["no column 'naswott'", "Did you mean naswot?"]),
        (("x", "x"), 'scores = ["acc"]', ["no column of accuracies"]),
        *(
            (("naswot", name), f'scores = ["{name}"]\n', [name, "Rename"])
            for name in (*BASELINES, "score_ms")
        ),
    ],
)
def test_mistakes_name_their_place(tmp_path, change, toml, said):
    with pytest.raises(SpaceError) as caught:
        read(tmp_path, GOOD.replace(*change, 1), toml)
    for words in said:
        assert words in str(caught.value)


class First:
    """Proposes the networks of a table in order, and keeps what it was shown."""

    def __init__(self, space):
        self._space, self.shown = space, []

    def propose(self, history, number, rng):
        self.shown.append(history)
        return self._space.table.architectures[number]

    def believe(self, history):
        return {}


def test_a_trained_network_shows_its_scores_and_one_on_its_way_does_not(tmp_path):
    space = TableSpace(read(tmp_path), [])
    sampler = First(space)
    cluster = Cluster(space, sampler, seed=0, workers=2, most=4)
    for _ in cluster.run():
        pass
    for trial in (trial for history in sampler.shown for trial in history):
        finished = trial.state is TrialState.COMPLETE
        assert trial.proxies == (space.scores(trial.architecture) if finished else None)
    assert cluster.trials[1].proxies == {"zico": 7.0}


def scored_table(tmp_path: Path) -> tuple[Path, dict[str, float]]:
    """Write networks whose accuracies are partly their own, with a score that knows; and the score.

    Beside it stand a TOML that says so and one that does not.
    """
    rng = np.random.default_rng(0)
    own = dict(zip(tables.combinations(), rng.standard_normal(len(tables.rows())), strict=True))
    rows = [
        [*row[:5], *(f"{float(cell) + 2 * own[choice]:.2f}" for cell in row[5:7]), *row[7:],
         f"{own[choice]:.4f}"]
        for row, choice in zip(tables.rows(), tables.combinations(), strict=True)
    ]  # fmt: skip
    path = tables.write(tmp_path / "told.csv", rows, [*tables.HEADER, "own"])
    text = '[choices]\nk = ["k1", "k2"]\ne = ["e1", "e2"]\n'
    path.with_name("untold.toml").write_text(text)
    path.with_suffix(".toml").write_text('scores = ["own"]\n' + text)
    return path, {row[0]: own[choice] for row, choice in zip(rows, own, strict=True)}


def test_nas_prove_hands_the_predictor_the_scores_of_the_table(tmp_path):
    path, own = scored_table(tmp_path)
    scored = []

    def make(name, feasible, goals, scorer):
        def noted(architecture):
            found = scorer(architecture)
            scored.append((feasible.table.title(feasible.index(architecture)), found))
            return found

        return make_sampler(name, feasible, goals, noted if scorer else None)

    for toml in (path.with_name("untold.toml"), None):
        assert not scored
        table = Table.read(path, toml)
        budget = (table.ceiling("200K-flops"),)
        setting = Setting(path, toml, budget, ("madds",), (40,), 1, 65.0, 3)
        Bench(setting, table).run(Entry("predictor", True), 0, make)
    assert scored
    assert all(found == {"own": pytest.approx(own[net], abs=1e-3)} for net, found in scored)
