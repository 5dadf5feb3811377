"""How good a series is: gaps, stale runs, impossible bars, outliers, and one verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.data.frame import epoch_ms, timeframe_seconds
from crypto_team.schemas.data import Quality

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from crypto_team.schemas.data import QualityVerdict

GOOD_MISSING, ACCEPTABLE_MISSING = 0.005, 0.05
STALE_LIMIT_HOURS = 24
OUTLIER_SIGMAS, WINDOW = 25.0, 500


def assess(frame: pd.DataFrame, timeframe: str) -> Quality:
    """Judge a canonical frame.

    A bar is an outlier where its log return is beyond 25 robust deviations (1.4826 times the median absolute
    deviation of all returns) AND the next bar takes at least half of it back: a spike. A crash that stays is an event.
    """
    seconds = timeframe_seconds(timeframe)
    epoch = epoch_ms(frame["timestamp"]) // 1000
    expected = int((epoch[-1] - epoch[0]) // seconds) + 1
    steps = np.diff(epoch) // seconds
    missing = expected - len(frame)
    counts = {
        "expected_rows": expected,
        "missing_rows": missing,
        "missing_share": missing / expected,
        "longest_gap_bars": int(steps.max() - 1) if steps.size else 0,
        "zero_volume_rows": int((frame["volume"] == 0).sum()),
        "longest_stale_run_bars": _longest_run(frame),
        "ohlc_violations": _violations(frame),
        "outlier_rows": int(_spikes(frame["close"].to_numpy(np.float64)).sum()),
    }
    stale_limit = STALE_LIMIT_HOURS * 3600 // seconds
    notes = _notes(counts, stale_limit)
    return Quality.model_validate({**counts, "verdict": _verdict(counts, stale_limit), "notes": notes})


def _longest_run(frame: pd.DataFrame) -> int:
    """Return the longest run of bars whose four prices and volume repeat the bar before."""
    same = (frame[["open", "high", "low", "close", "volume"]].diff() == 0).all(axis=1).to_numpy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _violations(frame: pd.DataFrame) -> int:
    """Count bars whose high is not the highest or whose low is not the lowest of the four prices."""
    high, low = frame["high"], frame["low"]
    body_high = frame[["open", "close"]].max(axis=1)
    body_low = frame[["open", "close"]].min(axis=1)
    return int(((high < body_high) | (low > body_low) | (high < low)).sum())


def _spikes(close: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    if len(close) < 10:
        return np.zeros(len(close), dtype=bool)
    moves = np.diff(np.log(close))
    scale = 1.4826 * float(np.median(np.abs(moves - np.median(moves))))
    if scale == 0:
        return np.zeros(len(close), dtype=bool)
    jump = np.abs(moves[:-1]) > OUTLIER_SIGMAS * scale
    back = (np.sign(moves[1:]) != np.sign(moves[:-1])) & (np.abs(moves[1:]) > 0.5 * np.abs(moves[:-1]))
    spikes = np.zeros(len(close), dtype=bool)
    spikes[1:-1] = jump & back
    return spikes


def _verdict(counts: dict[str, float], stale_limit: int) -> QualityVerdict:
    bad_bars = counts["ohlc_violations"] + counts["outlier_rows"]
    rows = counts["expected_rows"] - counts["missing_rows"]
    stale = counts["longest_stale_run_bars"]
    if counts["missing_share"] > ACCEPTABLE_MISSING or bad_bars > 0.001 * rows + 1 or stale > 7 * stale_limit:
        return "poor"
    if counts["missing_share"] > GOOD_MISSING or bad_bars or stale > stale_limit:
        return "acceptable"
    return "good"


def _notes(counts: dict[str, float], stale_limit: int) -> list[str]:
    texts = (
        (counts["missing_rows"], "{:.0f} of {:.0f} bars are missing ({:.3%}), the longest gap is {:.0f} bars"),
        (counts["ohlc_violations"], "{:.0f} bars are inconsistent (high below or low above another price)"),
        (counts["outlier_rows"], "{:.0f} bars look like bad ticks: a spike that the next bar takes back"),
    )
    arguments = (
        (counts["missing_rows"], counts["expected_rows"], counts["missing_share"], counts["longest_gap_bars"]),
        (counts["ohlc_violations"],),
        (counts["outlier_rows"],),
    )
    notes = [text.format(*given) for (count, text), given in zip(texts, arguments, strict=True) if count]
    if counts["longest_stale_run_bars"] > stale_limit:
        notes.append(f"the price stands still for {counts['longest_stale_run_bars']:.0f} bars")
    return notes
