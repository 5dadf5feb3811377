from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.validation.drift_study import error_alarms, shifts


def _tables(*, bars: int = 6000, moved: float = 0.0, broken: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(4)
    time = pd.date_range("2024-01-01", periods=bars, freq="h", tz="UTC")
    forward = rng.normal(0.0, 0.01, bars)
    signal = np.clip(0.5 + 30.0 * forward + rng.normal(0.0, 0.1, bars), 0.01, 0.99)
    if broken:
        signal[bars // 2 :] = 1.0 - signal[bars // 2 :]
    part = np.where(np.arange(bars) < bars // 6, "inner", "test")
    predictions = pd.DataFrame({"time": time, "pair": "X/USDT", "fold": 0, "part": part, "signal": signal})
    predictions["forward_return"] = forward
    features = pd.DataFrame({"time": time, "pair": "X/USDT", "still": rng.normal(size=bars)})
    features["drifting"] = rng.normal(size=bars) + moved * (np.arange(bars) >= bars // 2)
    return predictions, features


def test_a_feature_that_moved_comes_first_and_one_that_did_not_is_within_chance() -> None:
    rows = {row["what"]: row for row in shifts(*_tables(moved=0.8), horizon_bars=4)}
    assert next(iter(rows)) == "drifting"
    assert rows["drifting"]["moved"]
    assert rows["drifting"]["distance"] > 0.25
    assert not rows["still"]["moved"]
    assert not rows["signal"]["moved"]


@pytest.mark.parametrize("detector", ["cusum", "page_hinkley", "adwin"])
def test_the_alarm_comes_after_forecasts_turn_against_the_market(detector: str) -> None:
    predictions, _ = _tables(broken=True)
    found = error_alarms(predictions, horizon_bars=1, detector=detector)  # type: ignore[arg-type]
    assert found
    assert pd.Timestamp(found[0]) > predictions["time"].iloc[3000]


def test_forecasts_that_stay_as_good_raise_no_alarm() -> None:
    predictions, _ = _tables()
    assert error_alarms(predictions, horizon_bars=12, detector="cusum") == []


def test_too_few_forecasts_are_an_error_that_says_how_many_are_needed() -> None:
    predictions, _ = _tables(bars=300)
    with pytest.raises(InputError, match="too few to watch") as caught:
        error_alarms(predictions, horizon_bars=24, detector="cusum")
    assert "at least 100" in str(caught.value)
