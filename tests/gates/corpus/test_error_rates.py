"""The published error rates are those of the corpus: complete, and the same when they are made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_team.gates.corpus.evidence_bad import FAULTS
from crypto_team.gates.corpus.evidence_honest import HONEST
from crypto_team.gates.corpus.honest_features import honest_features
from crypto_team.gates.corpus.judged import Judged, judge_fault, judge_noise
from crypto_team.gates.corpus.leaking_features import leaking_features
from crypto_team.gates.corpus.published import DEVELOPED, page, restored, stored
from crypto_team.gates.corpus.rates import rates
from crypto_team.gates.corpus.strategies_honest import HONEST as HONEST_STRATEGIES
from crypto_team.gates.corpus.strategies_leaky import LEAKY

DOCS = Path(__file__).parents[3] / "docs"
AGAIN = ("random_split", "duplicated_rows", "no_costs", "undisclosed_trials")
"""One fault of each class, all of the same design, so that their study is made once."""


@pytest.fixture(scope="module")
def verdicts() -> list[Judged]:
    return restored((DOCS / "error-rates.json").read_text(encoding="utf-8"))


def test_the_page_is_made_from_the_verdicts_beside_it(verdicts: list[Judged]) -> None:
    assert (DOCS / "error-rates.md").read_text(encoding="utf-8") == page(verdicts)


def test_every_piece_of_the_corpus_was_judged_with_every_seed(verdicts: list[Judged]) -> None:
    seeds = {item.seed for item in verdicts if item.kind == "bad evidence"}
    assert seeds - set(DEVELOPED), "one seed has to be new to those who developed the gates"
    wanted = {
        "bad evidence": set(FAULTS),
        "honest evidence": set(HONEST),
        "leaking feature": {item.name for item in leaking_features()},
        "honest feature": {item.name for item in honest_features()},
    }
    for kind, names in wanted.items():
        for seed in seeds:
            assert {item.name for item in verdicts if item.kind == kind and item.seed == seed} == names, kind


def test_strategies_that_were_judged_are_those_of_the_corpus(verdicts: list[Judged]) -> None:
    known = {"leaking strategy": LEAKY, "honest strategy": HONEST_STRATEGIES}
    for kind, cases in known.items():
        found = {item.name for item in verdicts if item.kind == kind}
        assert found
        assert found <= {item.name for item in cases}


def test_the_published_rates_keep_their_promises(verdicts: list[Judged]) -> None:
    assert [item.kind for item in rates(verdicts) if not item.kept] == []


def test_verdicts_are_the_same_when_they_are_made_again(verdicts: list[Judged]) -> None:
    seed = max(item.seed for item in verdicts if item.kind == "bad evidence")
    before = {(item.kind, item.name): item for item in verdicts if item.seed == seed}
    again = [*judge_noise(50, seed), *(judge_fault(name, seed) for name in AGAIN)]
    for item in again:
        found = before[item.kind, item.name]
        assert (item.refused, item.right) == (found.refused, found.right), item
        meant = FAULTS[item.name].codes if item.name in FAULTS else frozenset(item.codes)
        assert meant & set(item.codes) == meant & set(found.codes), item


def test_stored_verdicts_come_back_whole() -> None:
    found = judge_noise(50, 5, repeats=3)
    assert restored(stored(found)) == found


def test_what_went_wrong_is_listed_by_name() -> None:
    alarm = Judged("honest evidence", "plain", "an edge", True, True, ("OF010",), 4)
    miss = Judged("bad evidence", "no_gap", "no gap", True, False, ("PF001",), 4)
    text = page([alarm, miss])
    assert "| honest evidence | plain | an edge | 4 | refused | OF010 |" in text
    assert "| bad evidence | no_gap | no gap | 4 | refused | PF001 |" in text
    assert "NO" in text
