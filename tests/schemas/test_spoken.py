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


def found(text: str, **instead: float) -> list[tuple[str, str]]:
    return [(each.name, each.said) for each in contradictions(text, {**COMPUTED, **instead})]


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


@pytest.mark.parametrize(
    "text",
    [
        "The strategy made 1,173 trades.",
        "won 60.3 % of 1,173 trades",
        "it won 60.3 % of its 1'173 trades",
        "60.3 % of 1.173 trades were profitable",
        "number of trades: 1,173",
    ],
)
def test_thousands_of_trades_are_read_as_such(text: str) -> None:
    assert found(text, n_trades=1173) == []
    assert {name for name, _ in found(text, n_trades=1273)} == {"n_trades"}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Out of sample it earned 21.4 %.", "total_return", -0.214),
        ("a total return of -21.4 %", "total_return", 0.214),
        ("a Sharpe ratio of 0.65", "sharpe", -0.65),
        ("a Sharpe ratio of \u22120.65", "sharpe", 0.65),
    ],
)
def test_a_loss_that_is_told_as_a_gain_is_found(text: str, name: str, value: float) -> None:
    assert [each for each, _ in found(text, **{name: value})] == [name]
    assert found(text, **{name: -value}) == []


@pytest.mark.parametrize("text", ["a drawdown of 9.2 %", "drawdown: -9.2 %", "AUC-0.53", "AUC -0.53"])
def test_drawdowns_are_written_with_and_without_a_sign_and_a_hyphen_is_none(text: str) -> None:
    assert bool(found(text)) == (text == "AUC -0.53")


@pytest.mark.parametrize(
    "text", ["The hit rate at 3 bps cost is fair.", "an AUC at 24 bars", "the trades 12 bars later", "trades at 10 bps"]
)
def test_a_number_with_a_unit_of_cost_or_time_is_no_result(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["a Sharpe of roughly 1.7", "Sharpe ratio is only about 1.7"])
def test_what_is_said_roughly_is_said(text: str) -> None:
    assert [name for name, _ in found(text)] == ["sharpe"]
