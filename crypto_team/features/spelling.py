"""How formulas are spelled: what is a number, and what to write instead of what is not in the language."""

from __future__ import annotations

import ast
from typing import Final

SWEEP: Final = "a sweep is written {7, 14, 28}"
_TRUTH: Final = "comparisons are 1 or 0: (close > open) * (low > open) is both, 1 - (close > open) is not"
_SIGNS: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.Pow: ("** ", "write x * x, sqrt(x) or exp(2 * log(x))"),
    ast.Mod: ("% ", "there are + - * / and comparisons"),
    ast.FloorDiv: ("// ", "there are + - * / and comparisons"),
    ast.BitAnd: ("& ", _TRUTH),
    ast.BitOr: ("| ", _TRUTH),
    ast.Eq: ("== ", "comparisons are < <= > and >="),
    ast.NotEq: ("!= ", "comparisons are < <= > and >="),
    ast.Not: ("not ", _TRUTH),
    ast.Invert: ("~ ", _TRUTH),
}
_PARTS: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.BoolOp: ("and, or ", _TRUTH),
    ast.IfExp: ("if ... else ", _TRUTH),
    ast.Subscript: ("[...] ", "the value n bars before is lag(close, n)"),
    ast.Attribute: ("a point behind a column ", "for example lag(close, 1) or zscore(rsi(close, 14), 100)"),
    ast.Dict: ("{} ", SWEEP),
    ast.List: ("[...] ", SWEEP),
    ast.Tuple: ("a list in brackets ", SWEEP),
}
COLUMN_CALLED: Final = {
    **dict.fromkeys(("count", "num_trades", "n_trades", "number_of_trades", "trade_count"), "trades"),
    **dict.fromkeys(("taker_buy_base", "taker_buy_base_volume", "taker_buy_base_asset_volume"), "taker_buy_volume"),
    **dict.fromkeys(("quote_asset_volume", "amount", "turnover"), "quote_volume"),
    **dict.fromkeys(("price", "last", "adj_close", "x"), "close"),
    "hl2": "(high + low) / 2",
    "hlc3": "(high + low + close) / 3",
    "ohlc4": "(open + high + low + close) / 4",
    **dict.fromkeys(("returns", "return"), "ret(close, 1)"),
    **dict.fromkeys(("date", "time", "timestamp", "hour"), "hour_sin()"),
}
OPERATOR_CALLED: Final = {
    **dict.fromkeys(("shift", "delay", "ref", "ts_delay"), "lag"),
    **dict.fromkeys(("delta", "mom", "ts_delta"), "diff"),
    **dict.fromkeys(("mean", "ma", "avg", "average", "rolling_mean", "ts_mean"), "sma"),
    **dict.fromkeys(("stddev", "stdev", "rolling_std", "ts_std"), "std"),
    **dict.fromkeys(("max", "ts_max", "rolling_max", "maximum"), "highest"),
    **dict.fromkeys(("min", "ts_min", "rolling_min", "minimum"), "lowest"),
    **dict.fromkeys(("sum", "ts_sum", "rolling_sum"), "total"),
    **dict.fromkeys(("correlation", "ts_corr"), "corr"),
    **dict.fromkeys(("pct_change", "returns"), "ret"),
    **dict.fromkeys(("log_return", "log_returns"), "logret"),
    **dict.fromkeys(("percentile", "ts_rank"), "rank"),
    **dict.fromkeys(("bbands", "bollinger", "bb_position"), "bb_percent"),
    **dict.fromkeys(("stoch", "stochastic"), "stoch_k"),
    **dict.fromkeys(("williams_r", "williams"), "willr"),
    **dict.fromkeys(("median", "rolling_median"), "quantile"),
    **dict.fromkeys(("kurtosis",), "kurt"),
    **dict.fromkeys(("skewness",), "skew"),
    **dict.fromkeys(("rma", "smma"), "wilder"),
    **dict.fromkeys(("obv",), "obv_change"),
    **dict.fromkeys(("vwap", "anchored_vwap"), "vwap_dev"),
    **dict.fromkeys(("volatility",), "realised_vol"),
}


def is_number(tree: ast.expr) -> bool:
    """Return whether a part is a number, or a sweep of numbers."""
    if isinstance(tree, ast.Set):
        return all(is_number(item) for item in tree.elts)
    literal = tree.operand if isinstance(tree, ast.UnaryOp) else tree
    return isinstance(literal, ast.Constant) and isinstance(literal.value, int | float)


def told(tree: ast.expr, example: str) -> tuple[str, str]:
    """Return what a part of a formula is that does not belong there, and what to write instead."""
    if isinstance(tree, ast.Compare) and len(tree.ops) > 1:
        name, hint = "a chain of comparisons ", _TRUTH
    else:
        sign = tree.ops[0] if isinstance(tree, ast.Compare) else getattr(tree, "op", tree)
        name, hint = _PARTS.get(type(tree)) or _SIGNS.get(type(sign)) or ("this ", example)
    return f"{name}is not part of the formula language", hint
