# SPDX-License-Identifier: GPL-3.0-or-later
"""Other contents of a column: from its own extremes to far beyond them, over all candles and over halves of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

FAR: Final = 1e6

Content = Callable[["pd.Series[Any]", np.random.Generator], "pd.Series[Any]"]


def variants() -> Iterator[tuple[str, Content]]:
    """Yield a name and a content for all candles, for a random half, and for the other half."""
    for name, content in CONTENTS.items():
        yield name, content
        yield f"{name}, half of the candles", _in_half(content, other=False)
        yield f"{name}, the other half", _in_half(content, other=True)


def spoil(frame: pd.DataFrame, columns: list[str], name: str) -> None:
    """Take columns away, or put one content into all of them, in place."""
    for column in [item for item in columns if item in frame]:
        if name == "absent":
            del frame[column]
            continue
        put(frame, column, CONTENTS[name], seed=7)


def put(frame: pd.DataFrame, column: str, content: Content, *, seed: int) -> None:
    """Put a content into a column, in place; of columns with the same name the last says what it was."""
    frame[column] = content(frame[[column]].iloc[:, -1], np.random.default_rng(seed))


def _in_half(content: Content, *, other: bool) -> Content:
    def half(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
        # The same halves for the same content: what one leaves as it was the other replaces.
        chosen = np.random.default_rng(11).random(len(values)) < 0.5
        return content(values, rng).where(chosen != other, values)

    return half


def _is_number(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _filled(values: pd.Series[Any], content: Any) -> pd.Series[Any]:
    return pd.Series(content, index=values.index)


def _shuffled(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
    return values.iloc[rng.permutation(len(values))].set_axis(values.index)


def _range(values: pd.Series[Any]) -> tuple[float, float]:
    known = values.to_numpy(np.float64)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def _at(values: pd.Series[Any], *, high: bool, steps: float) -> pd.Series[Any]:
    """Return the lowest or highest value, or one so many ranges (and ones) beyond it."""
    if pd.api.types.is_bool_dtype(values):
        return _filled(values, high)
    if _is_number(values):
        low, top = _range(values)
        beyond = steps * (1.0 + max(top - low, abs(top), abs(low)))
        return _filled(values, top + beyond if high else low - beyond)
    known = sorted(values.dropna().unique(), key=str)
    if not known:
        return _filled(values, "another")
    if steps and not pd.api.types.is_datetime64_any_dtype(values):
        return _filled(values, "~another" if high else "")
    return _filled(values, known[-1] if high else known[0])


def _extreme(*, high: bool, steps: float = 0.0) -> Content:
    return lambda values, _rng: _at(values, high=high, steps=steps)


def _number(number: float) -> Content:
    def content(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
        return _filled(values, number) if _is_number(values) else _shuffled(values, rng)

    return content


def _unknown(values: pd.Series[Any], _rng: np.random.Generator) -> pd.Series[Any]:
    if _is_number(values):
        return _filled(values, np.nan)
    return _filled(values, pd.NaT if pd.api.types.is_datetime64_any_dtype(values) else None)


def _any_between(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
    if not _is_number(values):
        return _shuffled(values, rng)
    low, high = _range(values)
    return _filled(values, rng.uniform(low, high, len(values)) if high > low else low)


def _negated(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
    if pd.api.types.is_bool_dtype(values):
        return ~values.astype(bool)
    return -values.astype(float) if _is_number(values) else _shuffled(values, rng)


CONTENTS: Final[dict[str, Content]] = {
    "highest": _extreme(high=True),
    "lowest": _extreme(high=False),
    "above": _extreme(high=True, steps=1.0),
    "below": _extreme(high=False, steps=1.0),
    "far above": _extreme(high=True, steps=FAR),
    "far below": _extreme(high=False, steps=FAR),
    "zero": _number(0.0),
    "one": _number(1.0),
    "minus one": _number(-1.0),
    "unknown": _unknown,
    "negated": _negated,
    "anything between": _any_between,
    "shuffled": _shuffled,
}
