from __future__ import annotations

import pytest

from crypto_team.errors import UsageError
from crypto_team.trading.durations import bars


@pytest.mark.parametrize(
    ("duration", "timeframe", "count"),
    [("24bars", "5m", 24), ("1d", "1h", 24), ("63d", "1d", 63), ("90m", "30m", 3), ("2w", "4h", 84), ("1h", "1m", 60)],
)
def test_a_duration_is_a_number_of_bars(duration: str, timeframe: str, count: int) -> None:
    assert bars(duration, timeframe) == count


@pytest.mark.parametrize(("duration", "timeframe"), [("90m", "1h"), ("1h", "1d"), ("12h", "1d")])
def test_part_of_a_bar_is_refused(duration: str, timeframe: str) -> None:
    with pytest.raises(UsageError, match=f"multiple of {timeframe}"):
        bars(duration, timeframe)


@pytest.mark.parametrize("duration", ["", "0d", "-1d", "1.5h", "1y", "24 bars", "d"])
def test_other_words_are_no_durations(duration: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        bars(duration, "1h")
