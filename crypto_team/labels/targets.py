"""From the target of a specification to labels: every kind, one door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.labels.barriers import Prices, barrier_labels
from crypto_team.labels.fixed import Labels, forward_returns, make_labels, scaled_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas.ml_spec import Target

Floats = npt.NDArray[np.float64]


def target_labels(prices: Prices, target: Target, *, side: Floats | None = None) -> Labels:
    """Make the labels that a target describes.

    Parameters
    ----------
    prices
        Highs, lows and closes of one series on a regular grid.
    target
        Kind and settings.
    side
        Values of the primary rule at each bar, for a meta-label only: their sign is the side of the trade.

    Raises
    ------
    InputError
        A meta-label without its primary rule.
    """
    if target.kind in {"direction", "n_class", "return"}:
        return make_labels(
            prices.close, kind=target.kind, horizon_bars=target.horizon_bars, thresholds_bps=target.thresholds_bps
        )
    if target.kind == "volatility_scaled":
        return scaled_labels(
            prices.close,
            horizon_bars=target.horizon_bars,
            volatility_bars=target.volatility_bars,
            thresholds_sigma=target.thresholds_sigma,
        )
    if target.kind == "meta_label" and side is None:
        raise InputError(
            f"the primary rule {target.side_feature!r} of the meta-label is not among the features",
            where="ml-spec.yaml: target.side_feature",
            hint="add a feature of that name; its sign is the side of the trade",
        )
    return barrier_labels(
        prices,
        horizon_bars=target.horizon_bars,
        volatility_bars=target.volatility_bars,
        profit=target.profit_sigma,
        loss=target.loss_sigma,
        side=side if target.kind == "meta_label" else None,
    )


def horizon_returns(close: Floats, horizons: Sequence[int]) -> Floats:
    """Return forward returns over several horizons, shape (n, horizons); NaN where a horizon is not full."""
    return np.column_stack([forward_returns(np.asarray(close, dtype=np.float64), each) for each in horizons])
