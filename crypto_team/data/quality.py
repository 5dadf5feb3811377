"""How good a series is: gaps, stale runs, impossible bars, outliers, and one verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import COLUMNS, epoch_ms, timeframe_seconds
from crypto_team.data.optional_columns import contradictions
from crypto_team.schemas.data import Quality, QualityVerdict

GOOD_MISSING, ACCEPTABLE_MISSING = 0.005, 0.05
GOOD_SILENT, ACCEPTABLE_SILENT = 0.02, 0.20
ACCEPTABLE_BAD_BARS = 0.001
STALE_SECONDS, STALE_BARS = 86_400, 12
OUTLIER_DEVIATIONS, TAKEN_BACK, EVENT_VOLUME = 25.0, 0.8, 5.0


@dataclass(frozen=True, slots=True)
class _Counts:
    expected_rows: int
    missing_rows: int
    missing_share: float
    longest_gap_bars: int
    zero_volume_rows: int
    longest_stale_run_bars: int
    ohlc_violations: int
    outlier_rows: int
    rows: int
    stale_limit: int
    contradictions: int


def assess(frame: pd.DataFrame, timeframe: str) -> Quality:
    """Judge a canonical frame.

    Parameters
    ----------
    frame
        Canonical bars, as imported (not regularised).
    timeframe
        Length of a bar.

    Returns
    -------
    Quality
        good: under 0.5 % of the bars are missing, under 2 % have no volume, none is impossible or a bad tick, and the
        price never stands still for a day (12 bars of long timeframes). poor: over 5 % missing, over 20 % without
        volume, over one bad bar in a thousand, or a week of standstill. acceptable: between.

    Notes
    -----
    A bar is a bad tick where its log return is beyond 25 robust deviations (1.4826 times the median absolute deviation
    of the returns that move), the next bar takes at least 80 % of it back, and the volume is not above five times the
    median: real events trade. A crash that stays, or a squeeze on heavy volume, is an event and not counted.
    """
    counts = _count(frame, timeframe_seconds(timeframe))
    shown = {name: getattr(counts, name) for name in _Counts.__slots__ if name in Quality.model_fields}
    return Quality.model_validate({**shown, "verdict": _verdict(counts), "notes": _notes(counts)})


def _count(frame: pd.DataFrame, seconds: int) -> _Counts:
    epoch = epoch_ms(frame["timestamp"]) // 1000
    expected = int((epoch[-1] - epoch[0]) // seconds) + 1
    steps = np.diff(epoch) // seconds
    return _Counts(
        expected_rows=expected,
        missing_rows=expected - len(frame),
        missing_share=(expected - len(frame)) / expected,
        longest_gap_bars=int(steps.max() - 1) if steps.size else 0,
        zero_volume_rows=int((frame["volume"] == 0).sum()),
        longest_stale_run_bars=_longest_run(frame),
        ohlc_violations=_violations(frame),
        outlier_rows=int(_bad_ticks(frame).sum()),
        rows=len(frame),
        stale_limit=max(STALE_BARS, STALE_SECONDS // seconds),
        contradictions=int(contradictions(frame).sum()),
    )


def _longest_run(frame: pd.DataFrame) -> int:
    """Return the longest run of bars that repeat the bar before in all prices and in volume."""
    same = (frame[list(COLUMNS)].diff() == 0).all(axis=1).to_numpy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _violations(frame: pd.DataFrame) -> int:
    """Count bars whose high is not the highest or whose low is not the lowest of the four prices."""
    body = frame[["open", "close"]]
    return int(((frame["high"] < body.max(axis=1)) | (frame["low"] > body.min(axis=1))).sum())


def _bad_ticks(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Mark spikes that the next bar takes back and that hardly anybody traded."""
    close, volume = frame["close"].to_numpy(np.float64), frame["volume"].to_numpy(np.float64)
    bad = np.zeros(len(close), dtype=bool)
    moves = np.diff(np.log(close))
    moving = moves[moves != 0]
    if moving.size < 10:
        return bad
    scale = 1.4826 * float(np.median(np.abs(moving - np.median(moving))))
    jump = np.abs(moves[:-1]) > OUTLIER_DEVIATIONS * scale
    back = -np.sign(moves[:-1]) * moves[1:] > TAKEN_BACK * np.abs(moves[:-1])
    bad[1:-1] = jump & back & (volume[1:-1] <= EVENT_VOLUME * np.median(volume))
    return bad


def _verdict(counts: _Counts) -> QualityVerdict:
    bad_bars = counts.ohlc_violations + counts.outlier_rows
    silent = counts.zero_volume_rows / counts.rows
    stale = counts.longest_stale_run_bars / counts.stale_limit
    if (
        counts.missing_share > ACCEPTABLE_MISSING
        or silent > ACCEPTABLE_SILENT
        or bad_bars > 1 + ACCEPTABLE_BAD_BARS * counts.rows
        or stale > 7
    ):
        return "poor"
    if counts.missing_share > GOOD_MISSING or silent > GOOD_SILENT or bad_bars or stale > 1:
        return "acceptable"
    return "good"


def _notes(counts: _Counts) -> list[str]:
    gap = f"the longest gap is {counts.longest_gap_bars} bars"
    texts = (
        (
            counts.missing_rows > 0,
            f"{counts.missing_rows} of {counts.expected_rows} bars are missing ({counts.missing_share:.3%}), {gap}",
        ),
        (
            counts.missing_share > GOOD_MISSING,
            f"DQ003 refuses strategies on candles of which more than {GOOD_MISSING:.1%} are missing",
        ),
        (counts.zero_volume_rows > 0, f"{counts.zero_volume_rows} bars have no volume"),
        (
            counts.ohlc_violations > 0,
            f"{counts.ohlc_violations} bars are impossible: high below or low above another price",
        ),
        (
            counts.contradictions > 0,
            f"{counts.contradictions} bars contradict their vwap, trades or taker_buy_volume, see DQ003",
        ),
        (
            counts.outlier_rows > 0,
            f"{counts.outlier_rows} bars look like bad ticks: a spike that the next bar takes back",
        ),
        (
            counts.longest_stale_run_bars > counts.stale_limit,
            f"the market stands still for {counts.longest_stale_run_bars} bars",
        ),
    )
    return [text for applies, text in texts if applies]
