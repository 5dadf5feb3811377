from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.errors import FormulaError, InputError
from crypto_team.features.operators import OPERATORS as TABLE
from crypto_team.features.operators import Floats, operator, shifted
from crypto_team.features.proof import PROMISES, prove, random_bars
from crypto_team.features.scopes import TIMEFRAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = TIMEFRAMES["1h"]


def _quiet(share: float, text: str) -> None:
    assert 0.0 <= share <= 1.0, text


@pytest.fixture
def broken() -> Iterator[None]:
    """Add operators that break their promises, for the time of a test."""

    @operator("derived", lambda n: n)
    def looks_ahead(x: Floats, n: int = 1) -> Floats:
        """Value n bars later."""
        return np.concatenate([x[n:], np.full(n, np.nan)])

    @operator("derived", lambda n: n)
    def remembers_all(x: Floats, n: int = 1) -> Floats:
        """Mean since the first bar, said to need n bars."""
        return np.asarray(np.cumsum(np.nan_to_num(x)) / np.arange(1, x.size + 1) + 0.0 * shifted(x, n))

    yield
    for name in ("looks_ahead", "remembers_all"):
        TABLE.pop(name)


def test_formulas_over_bars_and_longer_bars_keep_every_promise() -> None:
    found = prove(["rsi(close, 14)", 'on("4h", ema_ratio(close, 9, 21))'], random_bars(HOUR, 3_000), "1h", _quiet)
    assert (found[0].name, found[0].unknown) == ("rsi_14", 0)
    assert all(item.kept for item in found), found


@pytest.mark.usefixtures("broken")
def test_a_broken_promise_is_named_with_the_first_bar_that_shows_it() -> None:
    frame = random_bars(HOUR, 1_500)
    ahead, memory, kept = prove(["looks_ahead(close)", "remembers_all(close)", "ret(close)"], frame, "1h", _quiet)
    assert ahead.broken[0] == f"causal (bar {int(0.4 * 1_500) - 1})"
    assert any(text.startswith("look-back") for text in memory.broken)
    assert "causal" not in " ".join(memory.broken)
    assert kept.kept
    assert {text.split(" (")[0] for item in (ahead, memory) for text in item.broken} <= set(PROMISES)


def test_what_cannot_be_proved_says_why() -> None:
    with pytest.raises(InputError, match="300 bars are too few: the look-back is 5,000"):
        prove(["lag(close, 5000)"], random_bars(HOUR, 300), "1h", _quiet)
    with pytest.raises(FormulaError, match="unknown operator 'rsii'"):
        prove(["rsii(close, 14)"], random_bars(HOUR, 300), "1h", _quiet)
