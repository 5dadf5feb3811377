"""Results in sentences are found however they are put; rules, rates and wishes are no results."""

from __future__ import annotations

import pytest

from crypto_team.schemas.spoken import contradictions

COMPUTED = {
    "sharpe": 0.65,
    "auc": 0.53,
    "hit_rate": 0.603,
    "n_trades": 73,
    "total_return": 0.214,
    "max_drawdown": -0.0918,
}


def found(text: str) -> list[tuple[str, str]]:
    return [(each.name, each.said) for each in contradictions(text, COMPUTED)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It has a Sharpe ratio of 1.65.", "sharpe"),
        ("Sharpe\n  ratio is 1.65", "sharpe"),
        ("an AUC of 0.61, always", "auc"),
        ("it won 71 % of its trades", "hit_rate"),
        ("it won 71 per cent of all trades", "hit_rate"),
        ("71 % of trades were profitable", "hit_rate"),
        ("a win rate of 71%", "hit_rate"),
        ("The strategy made 173 trades.", "n_trades"),
        ("Out of sample it earned +71 % and rested.", "total_return"),
        ("a drawdown of only 4.2 per cent", "max_drawdown"),
    ],
)
def test_a_wrong_result_is_found_in_every_wording(text: str, name: str) -> None:
    assert [each for each, _ in found(text)] == [name]


def test_hit_rate_and_trades_of_one_sentence_are_both_found() -> None:
    text = "this strategy has a Sharpe ratio of 1.65, an AUC of 0.61, and won 71 % of 173 trades."
    assert {name for name, _ in found(text)} == {"sharpe", "auc", "hit_rate", "n_trades"}


@pytest.mark.parametrize(
    "text",
    [
        "It has a Sharpe ratio of 0.65, an AUC of 0.53, and won 60.3 % of 73 trades.",
        "won 60 % of its trades; a drawdown of 9.2 %; earned 21 %.",
        "It takes at most 100 trades a month.",
        "made 3 trades per day, with 3 trades open",
        "We want to win 55 % of the days.",
        "It earned 2 % a month for others.",
        "Trades at most twice a day. A Sharpe ratio above 1.",
        "It needs 30 days, 5 folds and 200 trades to be sure.",
    ],
)
def test_true_results_and_what_claims_none_are_left_alone(text: str) -> None:
    assert found(text) == []
