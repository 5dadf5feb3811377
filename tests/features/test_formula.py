from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crypto_team.errors import FormulaError
from crypto_team.features.formula import COLUMNS, Node, canonical_text, expand, family, feature_name, parse
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import Operator, by_name


def _calls(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Write calls of every operator with inputs of any kind."""

    @st.composite
    def call(draw: st.DrawFn) -> str:
        found: Operator = draw(st.sampled_from(sorted(OPERATORS.values(), key=lambda item: item.name)))
        inputs = [f"+{draw(children)}"[1:] for _ in found.columns]
        inputs = [f"abs({text})" if re.fullmatch(r"-?[0-9.]+", text) else text for text in inputs]
        kinds = [st.integers(32, 60) if item.kind == "int" else st.sampled_from([0.5, 1.0]) for item in found.settings]
        numbers = [draw(kind) for kind in kinds]
        assume(found.rule is None or by_name(found, found.rule.holds, numbers))
        settings = [f"{number:g}" for number in numbers]
        return f"{found.name}({', '.join([*inputs, *settings])})"

    return call()


def _extended(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arithmetic = st.tuples(children, st.sampled_from(["+", "-", "*", "/", "<", "<=", ">", ">="]), children)
    return st.one_of(
        _calls(children),
        arithmetic.map(lambda part: f"({part[0]}) {part[1]} ({part[2]})"),
        children.map("-({})".format),
    )


FORMULAS = st.recursive(st.sampled_from(COLUMNS), _extended, max_leaves=5).filter(lambda text: len(text) <= 250)


@given(FORMULAS)
def test_the_canonical_text_means_the_formula_it_was_made_from(text: str) -> None:
    node = parse(text)
    assert parse(canonical_text(node)) == node


@given(FORMULAS)
def test_every_name_is_a_column_name_of_a_document(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,79}", feature_name(text))


@given(FORMULAS, FORMULAS)
def test_different_formulas_have_different_names(first: str, second: str) -> None:
    same = parse(first) == parse(second)
    assert (feature_name(first) == feature_name(second)) == same


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    try:
        formulas = expand(text)
    except FormulaError:
        return
    assert [canonical_text(parse(formula)) for formula in formulas] == formulas


@given(st.text(alphabet="()-{},.0123456789closehighrsi +*/<", max_size=120))
def test_text_that_looks_like_a_formula_is_one_or_a_formula_error(text: str) -> None:
    try:
        expand(text)
    except FormulaError:
        return


def test_settings_left_out_are_stated_in_the_canonical_text() -> None:
    assert canonical_text(parse("RSI(close)")) == "rsi(close, 14)"
    assert canonical_text(parse("macd_signal(close, slow=30)")) == "macd_signal(close, 12, 30, 9)"
    assert canonical_text(parse("keltner_position(20, k=1.5)")) == "keltner_position(high, low, close, 20, 10, 1.5)"
    assert canonical_text(parse("atr(7)")) == "atr(high, low, close, 7)"


def test_sweeps_expand_into_every_combination_once() -> None:
    assert expand("rsi(close, {7, 14, 7})") == ["rsi(close, 7)", "rsi(close, 14)"]
    assert expand("lag(ret(close, {1, 2}), {3, 4})") == [f"lag(ret(close, {n}), {m})" for n in (1, 2) for m in (3, 4)]
    assert expand("zscore({close, volume}, n={24, 48})") == [
        f"zscore({name}, {n})" for name in ("close", "volume") for n in (24, 48)
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rsi(close, 14)", "rsi_14"),
        ("zscore(rsi(close, 14), 100)", "zscore_rsi_14_100"),
        ("rsi(open, 14)", "rsi_open_14"),
        ("volume_ratio(volume, 20)", "volume_ratio_20"),
        ("volume_ratio(close, 20)", "volume_ratio_close_20"),
        ("hour_sin()", "hour_sin"),
        ("close - open", "close_minus_open"),
        ("clip(ret(close, 1), -0.05, 0.05)", "clip_ret_1_m0p05_0p05"),
    ],
)
def test_names_read_like_the_formula(text: str, name: str) -> None:
    assert feature_name(text) == name


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("rsi(close, 14)", "price_action"),
        ("cmf(20)", "volume"),
        ("zscore(volume, 48)", "statistical"),
        ("close / open", "derived"),
        ("lag(close, 1)", "derived"),
        ("hour_sin()", "temporal"),
    ],
)
def test_a_formula_is_filed_under_its_outermost_operator(text: str, category: str) -> None:
    assert family(parse(text)) == category


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("rsi(clos, 14)", 5, "did you mean close?"),
        ("rsii(close, 14)", 1, "did you mean rsi?"),
        ("lag(close, -1)", 12, "no operator can look ahead"),
        ("lag(close, 0)", 12, "no operator can look ahead"),
        ("lag(close, 1.5)", 12, "whole number"),
        ("std(close, 1)", 12, "from 2"),
        ("hurst(close, n=31)", 16, "from 32"),
        ("ema(close, 20001)", 12, "20000"),
        ("close + ret(close, -5)", 20, "no operator can look ahead"),
        ("rsi(close, 14, 3)", 1, "1 setting"),
        ("rsi(close, 14, n=7)", 1, "twice"),
        ("rsi(close, m=7)", 1, "no setting 'm'"),
        ("rsi(14)", 1, "needs 1 column"),
        ("rsi + 1", 1, "is an operator"),
        ("rsi(close, close)", 12, "a number is expected"),
        ("rsi(close, True)", 12, "a number is expected"),
        ("rsi(close, 1e999)", 12, "too large"),
        ("close.shift(-1)", 1, "only operators can be called"),
        ("close[1]", 1, "lag(close, n)"),
        ("lambda: close", 1, "this is not part of the formula language"),
        ("open if close else high", 1, "if ... else is not part"),
        ("close < open < high", 1, "a chain of comparisons"),
        ("'a' + close", 1, "'a' is a text"),
        ("__import__('os')", 1, "unknown operator"),
        ("close +", 8, "not a formula"),
        ("rsi(close, 14", 4, "not a formula"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(FormulaError) as caught:
        expand(text)
    assert f"column {column}" in str(caught.value)
    assert says in str(caught.value)


def test_a_sweep_has_to_be_expanded_before_it_is_parsed() -> None:
    with pytest.raises(FormulaError, match="expand it first"):
        parse("rsi(close, {7, 14})")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "(" * 240 + "close" + ")" * 240,
        "-" * 490 + "close",
        "abs(" * 40 + "close" + ")" * 40,
        "+".join(["close"] * 80),
        "close" + " " * 1000 + "+ 1",
        "close\0",
        "\ud800",
        "{1,2,3,4,5,6,7,8,9} * " * 4 + "close",
        "9" * 450,
    ],
)
def test_hostile_text_is_a_formula_error(text: str) -> None:
    with pytest.raises(FormulaError):
        expand(text)


def test_parts_of_formulas_can_be_compared_and_looked_up() -> None:
    first, second = parse("sma(close, 5)"), parse("SMA( close , n=5 )")
    assert first == second
    assert {first: 1}[second] == 1
    assert isinstance(first, Node)


@pytest.mark.parametrize("text", ["5", "-5", "1 / 2", "{1, 2}", "2 < 3"])
def test_numbers_alone_are_no_feature(text: str) -> None:
    with pytest.raises(FormulaError, match="the same on every bar"):
        expand(text)


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(FormulaError, match="given twice"):
        parse("rsi(close, n=7, n=14)")
