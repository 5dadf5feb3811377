"""The picture of a leak: what a feature said before the future was replaced, and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.roles import candles, records

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.tools.session import Session

AROUND = 40


def leak_picture(session: Session, strategy_id: str, name: str) -> bytes:
    """Compute a feature on the candles and on candles whose future was replaced, and draw both around the cut."""
    import numpy as np

    from crypto_team.features.matrix import build_matrix
    from crypto_team.reports.pictures import ProbeTrace, leak_probe

    features = records.feature_set(session, strategy_id)
    chosen = [item for item in features.features if item.name == name]
    if not chosen:
        raise NotFoundError(f"{strategy_id} has no feature {name!r}", where="features.yaml")
    spec = records.ml_spec(session, strategy_id)
    found = candles.research(session, spec.market, chosen)
    bars, around = found.bars[spec.market.pairs[0]], found.around.surroundings
    cut = len(bars) // 2
    other = replaced_future(bars, cut, seed=spec.reproducibility.random_seed)
    folder = session.layout.strategy_dir(strategy_id)
    both = [build_matrix(chosen, frame, code_dir=folder, surroundings=around) for frame in (bars, other)]
    values = [matrix.values[:, 0].astype(np.float64) for matrix in both]
    index = np.arange(cut - AROUND, min(cut + AROUND, len(bars)))
    differs = np.flatnonzero(values[0][: cut + 1] != values[1][: cut + 1])
    known = differs[np.isfinite(values[0][differs])]
    row = int(known[0]) if known.size else cut
    return leak_probe(
        ProbeTrace(
            column=name,
            probe="future replaced by another path",
            cut=cut,
            row=row,
            index=index,
            original=values[0][index],
            replaced=values[1][index],
            close_original=bars["close"].to_numpy(np.float64)[index],
            close_replaced=other["close"].to_numpy(np.float64)[index],
        )
    )


def replaced_future(bars: pd.DataFrame, cut: int, *, seed: int) -> pd.DataFrame:
    """Return the frame with the moves after bar `cut` in another order, from the same last price on."""
    import numpy as np

    rng = np.random.default_rng(seed)
    made = bars.copy()
    later = np.arange(cut + 1, len(bars))
    order = rng.permutation(later)
    close = bars["close"].to_numpy(np.float64)
    moves = np.diff(np.log(close))[order - 1]
    path = close[cut] * np.exp(np.cumsum(moves))
    for name in ("open", "high", "low", "close"):
        ratio = bars[name].to_numpy(np.float64)[order] / close[order]
        made.loc[later, name] = ratio * path
    made.loc[later, "volume"] = bars["volume"].to_numpy(np.float64)[order]
    return made
