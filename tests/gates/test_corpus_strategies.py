from __future__ import annotations

import ast

from crypto_team.gates.corpus.strategies_honest import HONEST
from crypto_team.gates.corpus.strategies_leaky import LEAKY

LEAST_LEAKS, LEAST_HONEST = 25, 15


def test_the_corpus_holds_enough_strategies_of_each_kind_each_with_its_own_name_and_source() -> None:
    leaks, honest = LEAKY, HONEST
    assert len(leaks) >= LEAST_LEAKS
    assert len(honest) >= LEAST_HONEST
    for cases in (leaks, honest):
        assert len({item.name for item in cases}) == len({item.source for item in cases}) == len(cases)


def test_every_strategy_is_python_and_makes_an_entry_and_an_exit_from_what_it_computes() -> None:
    for case in (*LEAKY, *HONEST):
        names = {item.name for item in ast.walk(ast.parse(case.source)) if isinstance(item, ast.FunctionDef)}
        assert {"populate_indicators", "populate_entry_trend", "populate_exit_trend"} <= names
        assert case.mechanism
