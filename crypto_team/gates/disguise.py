"""Check that neither a feature nor the forecasts themselves are the label in disguise (LK006)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.case import places
from crypto_team.gates.foresight import foresight
from crypto_team.gates.hindsight import sharpe_surely
from crypto_team.gates.recompute import Returns, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, refused, weigh
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.ranks import Ranked, rank_correlation

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer train STR",)
PLACE = "predictions.parquet: position: "
FORECASTS = ("signal", "position")
LAST = "last close of the market"
"""Features may be called close, too."""
MOST_SHARPE = 6.0
"""Honest work may surely have such a Sharpe ratio (many pairs), or doubtful correlations (a strong edge); not both."""


@dataclass(frozen=True)
class _Strongest:
    name: str
    against: str
    value: float
    low: float


@check(
    "LK006",
    "No feature is the label in disguise",
    unit="rank correlation with the future",
    source="plausible size of an edge: an AUC of 0.6 is a rank correlation of about 0.2",
    mend="leave out what is named here, or shift its source to what was known at the close, and train again",
    remedy=("crypto-team ml-engineer remove-feature STR NAME", *RETRAIN),
    stricter={"plausible": "lower", "foreseen": "lower", "doubtful": "lower"},
    passes=f"value <= plausible and features_sampled == 1 and (value <= doubtful or sharpe <= {MOST_SHARPE:g})",
)
def no_disguised_label(
    market: pd.DataFrame,
    meta: EvidenceMeta,
    returns: Returns,
    features_sample: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
    *,
    plausible: float = 0.35,
    foreseen: float = 0.25,
    doubtful: float = 0.2,
) -> Verdict:
    """No feature, nor the signal itself, knows more about coming returns than any past-only series plausibly could.

    Each feature, and its ratio to the last close (for price levels), is ranked against the returns over the next
    1, 2, ... bars up to the horizon, and so are signals and positions. Refused when the lower limit of the largest rank
    correlation, with its error for overlapping labels and for the number of comparisons, is above the bound, or above
    `doubtful` while the yearly Sharpe ratio after costs is surely above six: each may be, both together knew the
    future. Without features the forecasts alone can be refused, but not pass. Stored positions may not know more than
    the forecasts that they follow: refused when surely a quarter of the usual position more is held before the best
    than before the worst bars or days, among rows of like forecasts (`gates/foresight`).
    """
    known = _known_to_positions(returns, market, meta, foreseen) if imported is not None else ()
    if known:
        return refused(f"positions know more than their forecasts: {known[0].removeprefix(PLACE)}", evidence=known)
    sampled, judged, rows = _judged(market, meta, returns, features_sample)
    if not judged:
        return insufficient(f"{rows} rows are too few to judge")
    worst = max(judged, key=lambda each: each.low)
    text = f"{worst.name} has rank correlation {worst.value:.3f} with {worst.against}, at least {worst.low:.3f}"
    surely = sharpe_surely(returns)
    bound = min(plausible, doubtful) if surely > MOST_SHARPE else plausible
    caught = tuple(f"{each.name}: {each.value:.3f} with {each.against}" for each in judged if each.low > bound)
    if caught and worst.low <= plausible:
        text += f", and the Sharpe ratio is surely above {surely:.1f}: beside that no more than {bound:g} is plausible"
    numbers = {"features_sampled": float(sampled), "sharpe": surely}
    if not sampled and not caught:
        told = f"missing: {places('features_sample')[0]}; of the forecasts alone, {text}, which is plausible"
        return insufficient(told, worst.low, interval=(worst.low, 1.0), numbers=numbers)
    return weigh(text, worst.low, numbers, interval=(worst.low, 1.0), evidence=caught)


def _judged(
    market: pd.DataFrame, meta: EvidenceMeta, returns: Returns, features_sample: pd.DataFrame | None
) -> tuple[bool, list[_Strongest], int]:
    """Rank features, signals and positions against the future: were there features, what can be judged, of how many."""
    ahead = _future(market, meta)
    sampled = None if features_sample is None else _join(features_sample, ahead)
    names = [] if features_sample is None else [str(each) for each in features_sample.columns.drop(["time", "pair"])]
    columns = {} if sampled is None else _ranked_columns(sampled, names)
    comparisons = (len(columns) + len(FORECASTS)) * sum(name.startswith("next_") for name in ahead.columns)
    signals = _join(returns.test[["time", "pair", *FORECASTS]], ahead)
    series = {name: signals[name].to_numpy(dtype=np.float64) for name in FORECASTS}
    targets = _targets(signals)
    found = [_strongest(name, values, targets, comparisons, 1.0) for name, values in series.items()]
    if sampled is not None:
        spacing = _bars_between(sampled, timeframe_seconds(meta.timeframe) * 1000)
        targets = _targets(sampled)
        found += [_strongest(name, values, targets, comparisons, spacing) for name, values in columns.items()]
    rows = len(signals if sampled is None else sampled)
    return sampled is not None, [each for each in found if math.isfinite(each.low)], rows


def _known_to_positions(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, foreseen: float) -> tuple[str, ...]:
    """Say where positions look at what comes; empty where nothing surely does."""
    found = sorted(foresight(returns, market, meta), key=lambda each: -each.low)
    return tuple(f"{PLACE}{each.words()}" for each in found if each.low > foreseen)


def _ranked_columns(rows: pd.DataFrame, names: list[str]) -> dict[str, Floats]:
    """Return every feature of the sample, and its ratio to the close."""
    columns = {name: rows[name].to_numpy(dtype=np.float64) for name in names}
    close = rows[LAST].to_numpy(dtype=np.float64)
    return columns | {f"{name} / close": values / close for name, values in columns.items()}


def _future(market: pd.DataFrame, meta: EvidenceMeta) -> pd.DataFrame:
    """Return time, pair, last close and the returns of the next 1, 2, ... bars up to the horizon."""
    ordered = market.sort_values(["pair", "time"], kind="stable")
    result = ordered[["time", "pair", "close"]].copy()
    close = result.groupby("pair", sort=False)["close"]
    spans = sorted({1, 2, 3, *(int(meta.horizon_bars * share) for share in (0.25, 0.5, 1.0))} - {0})
    for span in spans:
        if span <= meta.horizon_bars:
            result[f"next_{span}"] = close.shift(-span) / result["close"] - 1.0
    return result.rename(columns={"close": LAST})


def _join(rows: pd.DataFrame, ahead: pd.DataFrame) -> pd.DataFrame:
    left, right = rows.copy(), ahead.copy()
    left["time"], right["time"] = milliseconds(left["time"]), milliseconds(right["time"])
    return left.merge(right, on=["time", "pair"], how="inner")


def _strongest(
    name: str, values: Floats, targets: Mapping[str, Ranked], comparisons: int, spacing: float
) -> _Strongest:
    """Return the target that `values` rank best with; the error counts only rows whose labels do not overlap."""
    quantile = float(stats.norm.ppf(1.0 - 0.01 / max(1, comparisons)))
    best, own = _Strongest(name, "", 0.0, math.nan), Ranked(values)
    for target, future in targets.items():
        known = int((own.known & future.known).sum())
        # Neighbouring rows share the future bars that both labels span.
        independent = known / max(1.0, int(target) / spacing)
        if independent < 30:
            continue
        value = rank_correlation(own, future)
        if not math.isfinite(value):
            continue
        error = 1.03 * quantile / math.sqrt(independent - 3.0)
        low = math.tanh(math.atanh(min(abs(value), 1.0 - 1e-12)) - error)
        if not low <= best.low:
            best = _Strongest(name, f"the return over the next {target} bars", value, low)
    return best


def _targets(rows: pd.DataFrame) -> dict[str, Ranked]:
    """Return the returns over the next bars by how many they are; they are ranked once for all columns."""
    names = [str(name) for name in rows.columns if str(name).startswith("next_")]
    return {name.removeprefix("next_"): Ranked(rows[name].to_numpy(dtype=np.float64)) for name in names}


def _bars_between(rows: pd.DataFrame, step_ms: int) -> float:
    """Return how many bars lie between neighbouring sampled rows of a pair, at least 1."""
    distance = float(rows.groupby("pair")["time"].diff().median())
    return max(1.0, distance / step_ms) if math.isfinite(distance) else 1.0
