"""Kernels of what can be seen in the book as it stands: spread, imbalance, depth, slope, pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_columns as col
from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel
from crypto_team.features.kernels_micro_book import keys_of, sizes_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LEVELS, NEAR = at.LEVELS, at.NEAR
CUMULATIVE = (2, 3, 5, 10, 15, 20)
FIRST_LEVELS = 10


@kernel
def share(more: float, less: float) -> float:
    """Return (more - less) / (more + less); NaN where both are zero."""
    whole = more + less
    return (more - less) / whole if whole != 0.0 else np.nan


@kernel
def book_shape(s: Ints, f: Floats, out: Floats) -> None:
    """Write the features of the book as it stands; all unknown while it is crossed, locked or one-sided."""
    if s[at.TWO_SIDED] == 0:
        out[: col.BOOK_END] = np.nan
        return
    mid2 = float(s[at.MID2])
    spread = float(s[at.ASK] - s[at.BID])
    out[col.SPREAD_TICKS] = spread
    out[col.SPREAD_BPS] = 2.0e4 * spread / mid2
    _imbalances(s, f, out)
    _side_shape(s, f, out, 1)
    _side_shape(s, f, out, -1)
    out[col.SLOPE_IMBALANCE] = share(out[col.SLOPE_BID], out[col.SLOPE_ASK])
    bid, ask = float(s[at.BEFORE + NEAR]), float(s[at.BEFORE + 3 * NEAR])
    out[col.MICROPRICE] = 1.0e4 * (bid - ask) / (bid + ask) * spread / mid2
    _micro_price_near(s, out)


@kernel
def _micro_price_near(s: Ints, out: Floats) -> None:
    """Mid of the near levels' average prices, each weighted with the other side's size, against the mid."""
    bids = asks = bid_value = ask_value = 0.0
    for k in range(NEAR):
        bid, ask = float(s[at.BEFORE + NEAR + k]), float(s[at.BEFORE + 3 * NEAR + k])
        bids += bid
        asks += ask
        bid_value += bid * float(2 * s[at.BEFORE + k] - s[at.MID2]) if bid > 0.0 else 0.0
        ask_value += ask * float(-2 * s[at.BEFORE + 2 * NEAR + k] - s[at.MID2]) if ask > 0.0 else 0.0
    weighted = (bid_value / bids * asks + ask_value / asks * bids) / (bids + asks)
    out[col.MICROPRICE_5] = 1.0e4 * weighted / float(s[at.MID2])


@kernel
def _imbalances(s: Ints, f: Floats, out: Floats) -> None:
    """Imbalance of single levels and of the first n together, depth, and price pressure."""
    n_bids, n_asks, mid2 = s[at.N_BIDS], s[at.N_ASKS], s[at.MID2]
    bid_keys, ask_keys = keys_of(s, 1), keys_of(s, -1)
    bid_sizes, ask_sizes = sizes_of(s, 1), sizes_of(s, -1)
    bids = asks = 0
    near_bids = near_asks = 0.0
    place = 0
    for k in range(LEVELS):
        bid = bid_sizes[n_bids - 1 - k] if k < n_bids else 0
        ask = ask_sizes[n_asks - 1 - k] if k < n_asks else 0
        if bid > 0:
            near_bids += float(bid) / float(mid2 - 2 * bid_keys[n_bids - 1 - k])
        if ask > 0:
            near_asks += float(ask) / float(-2 * ask_keys[n_asks - 1 - k] - mid2)
        bids += bid
        asks += ask
        if k < FIRST_LEVELS:
            out[col.IMBALANCE_L01 + k] = share(float(bid), float(ask))
        if k + 1 == CUMULATIVE[place]:
            out[col.BOOK_IMBALANCE_2 + place] = share(float(bids), float(asks))
            place = min(place + 1, 5)
    out[col.PRICE_PRESSURE] = share(near_bids, near_asks)
    lot = f[at.LOT]
    out[col.BID_DEPTH_1] = lot * float(s[at.BEFORE + NEAR])
    out[col.ASK_DEPTH_1] = lot * float(s[at.BEFORE + 3 * NEAR])
    out[col.BID_DEPTH_5] = lot * float(s[at.TOTALS + at.BID_NEAR])
    out[col.ASK_DEPTH_5] = lot * float(s[at.TOTALS + at.ASK_NEAR])
    out[col.BID_DEPTH_20] = lot * float(bids)
    out[col.ASK_DEPTH_20] = lot * float(asks)


@kernel
def _side_shape(s: Ints, f: Floats, out: Floats, side: int) -> None:
    """Slope and elasticity of one side over the first levels, and how far its average price is from the mid."""
    n = s[at.N_BIDS] if side > 0 else s[at.N_ASKS]
    keys, sizes = keys_of(s, side), sizes_of(s, side)
    mid2, levels, place = side * s[at.MID2], min(n, LEVELS), 0 if side > 0 else 1
    depth = 0.0
    sum_x = sum_y = sum_xx = sum_xy = value = elastic = 0.0
    price_before, depth_before = float(mid2), 0.0
    for k in range(levels):
        price = float(2 * keys[n - 1 - k])
        size = float(sizes[n - 1 - k])
        depth += size
        x = float(mid2 - 2 * keys[n - 1 - k])
        sum_x += x
        sum_y += depth
        sum_xx += x * x
        sum_xy += x * depth
        value += x * size
        grown = depth * f[at.LOT] if k == 0 else size / depth_before
        elastic += grown * abs(price_before) / (price_before - price)
        price_before, depth_before = price, depth
    spread = levels * sum_xx - sum_x * sum_x
    slope = (levels * sum_xy - sum_x * sum_y) / spread if levels >= 3 else np.nan
    # Distances are half ticks; a basis point of the mid is so many of them, and sizes become coins.
    out[col.SLOPE_BID + place] = slope * f[at.LOT] * abs(float(mid2)) * 1.0e-4
    out[col.ELASTICITY_BID + place] = elastic / levels
    out[col.VWAP_GAP_BID + place] = 1.0e4 * value / depth / abs(float(mid2))
