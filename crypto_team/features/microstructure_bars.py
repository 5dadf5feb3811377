"""What the order book and the trades were at the close of each bar: the 84 features as columns beside candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError
from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure
from crypto_team.features.microstructure_events import check_events
from crypto_team.features.microstructure_table import NAMES

if TYPE_CHECKING:
    from crypto_team.data.market_events import MarketEvents

VOLUME_BUCKETS_A_DAY: Final = 50
FIRST_SHARE: Final = 0.1
_DAY_MS: Final = 86_400_000


def book_bars(events: MarketEvents, settings: MicroSettings, timeframe: str) -> pd.DataFrame:
    """Return the 84 features as they were known at the close of every complete bar.

    Parameters
    ----------
    events
        Book and trades of one market in time order.
    settings
        Tick, lot and sizes of the market.
    timeframe
        Length of a bar.

    Returns
    -------
    DataFrame
        time (bar open), known_at (bar close: the first moment a strategy may read the row), both datetime64[ms, UTC],
        and 84 float64 columns. A bar is complete when an event came after its close. A bar in which nothing came at all
        is an outage, and all of its values are NaN.

    Raises
    ------
    InputError
        No bar is complete.
    """
    step = 1000 * timeframe_seconds(timeframe)
    check_events(events)
    if not len(events) or events.time[0] // step == events.time[-1] // step:
        raise InputError(f"the events cover no complete {timeframe} bar", where="events", hint="record for longer")
    first, last = int(events.time[0]) // step, int(events.time[-1]) // step
    opens = step * np.arange(first, last, dtype=np.int64)
    ends = np.searchsorted(events.time, opens + step)
    online, rows, start = OnlineMicrostructure(settings), np.full((opens.size, len(NAMES)), np.nan), 0
    for bar, end in enumerate(ends.tolist()):
        if end > start:
            online.warm(events.part(start, end))
            rows[bar] = online.advance(int(opens[bar]) + step - 1)
        start = end
    stamps = {"time": opens, "known_at": opens + step}
    made = {name: pd.Series(values.astype("datetime64[ms]")).dt.tz_localize("UTC") for name, values in stamps.items()}
    return pd.DataFrame({**made, **{name: rows[:, k] for k, name in enumerate(NAMES)}})


def usual_bucket(times: np.typing.NDArray[np.int64], volumes: np.typing.NDArray[np.float64]) -> float:
    """Return a fiftieth of a day's volume, judged by the first tenth of the span only, so that nothing later counts."""
    span = max(int(times[-1] - times[0]), 1)
    early = times <= times[0] + FIRST_SHARE * span
    return float(volumes[early].sum()) / (FIRST_SHARE * span) * _DAY_MS / VOLUME_BUCKETS_A_DAY
