"""Check that a threshold stands on a plateau: what is near it earns as well (OF014)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import deviations
from crypto_team.gates.case import places
from crypto_team.gates.recompute import Returns, recompute_returns
from crypto_team.gates.registry import Verdict, check, insufficient, refused, weigh
from crypto_team.schemas.evidence import EvidenceMeta

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
MOVED = 0.2
LEAST_MOVE = 0.005
NEUTRAL = 0.5
DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Plateau:
    """Entry and exit thresholds, the own ones first, and the daily net returns with each."""

    thresholds: tuple[tuple[float, float], ...]
    daily: tuple[Floats, ...]


@check(
    "OF014",
    "Threshold stands on a plateau and was chosen inside",
    unit="share of its score that its neighbours keep",
    source="parameter plateau; thresholds are chosen inside the training window",
    mend="choose the threshold by inner scores, from the middle of a range in which all do well",
    remedy=("crypto-team ml-engineer set-signal STR", "crypto-team ml-engineer train STR"),
    stricter={"kept": "higher"},
    passes="value + reach >= kept and chosen_by_test == 0",
)
def threshold_on_plateau(
    plateau: Plateau | None = None,
    thresholds: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
    *,
    kept: float = 0.3,
) -> Verdict:
    """Require that the neighbours of the chosen threshold keep part of its score, and it was not chosen by the test.

    Foreign evidence is refused when the chosen one is the best out of sample while inside the training window another
    was better by more than the spread of the scores explains.

    Our own is traded anew with both thresholds a fifth nearer to and further from 0.5 (at least 0.005): the Sharpe
    ratio of each neighbour is at least `kept` of the own, or less by no more than chance explains (`reach`: paired
    daily returns, the budget of false alarms shared by the neighbours). That a threshold was chosen by the test is not
    asked there: every threshold that was tried is a trial of the ledger, which OF010 and OF011 count.
    """
    if imported is None:
        absent = ", ".join(places("plateau"))
        return insufficient(f"missing: {absent}") if plateau is None else _traded_near(plateau, kept)
    if thresholds is None:
        return insufficient(f"missing: {places('thresholds')[0]}")
    return _told_near(thresholds)


def traded_near(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta) -> Plateau:
    """Trade the same forecasts with thresholds near the stated ones."""
    near = neighbours(meta.signal.entry_threshold, meta.signal.exit_threshold)
    daily = []
    for entry, exit_ in near:
        signal = meta.signal.model_copy(update={"entry_threshold": entry, "exit_threshold": exit_})
        moved = recompute_returns(returns.predictions, market, meta.model_copy(update={"signal": signal}))
        daily.append(moved.daily)
    own = meta.signal.entry_threshold, meta.signal.exit_threshold
    return Plateau((own, *near), (returns.daily, *daily))


def _traded_near(plateau: Plateau, kept: float) -> Verdict:
    """Compare the Sharpe ratios of neighbours with the own one, day by day."""
    own, *others = plateau.daily
    if own.size < 3 or own.std() == 0.0:
        return insufficient("daily returns have no spread, or there are fewer than three days")
    sharpe = float(own.mean() / own.std(ddof=1))
    year = math.sqrt(DAYS_PER_YEAR)
    found = [_share_kept(own, moved, kept, len(others)) for moved in others]
    (entry, exit_), *near = plateau.thresholds
    told = ", ".join(
        f"{share * sharpe * year:.2f} with {one:g} and {other:g}"
        for (one, other), (share, _) in zip(near, found, strict=True)
    )
    text = f"Sharpe ratio {sharpe * year:.2f} with entry {entry:g} and exit {exit_:g}, {told}"
    if sharpe <= 0.0:
        return refused(f"{text}: it does not earn", evidence=("predictions.parquet",))
    value, reach = min(found, key=sum)
    return weigh(text, value, {"reach": reach, "chosen_by_test": 0}, evidence=("predictions.parquet",))


def neighbours(entry: float, leave: float) -> list[tuple[float, float]]:
    """Return entry and exit thresholds a fifth nearer to 0.5 and further from it; never across 0.5."""
    found = []
    for share in (1.0 - MOVED, 1.0 + MOVED):
        near = [NEUTRAL + _moved(each - NEUTRAL, share) for each in (entry, leave)]
        if near[0] >= NEUTRAL and near[0] != entry:
            found.append((round(near[0], 6), round(min(near), 6)))
    return found


def _moved(distance: float, share: float) -> float:
    """Return a distance from 0.5 that is a fifth smaller or larger, and another one at least."""
    step = max(abs(distance) * MOVED, LEAST_MOVE)
    way = math.copysign(step, distance) if distance else step
    return distance + math.copysign(1.0, share - 1.0) * way


def _share_kept(own: Floats, moved: Floats, kept: float, looks: int) -> tuple[float, float]:
    """Return which share of the Sharpe ratio a neighbour keeps, and how far below `kept` chance may put it."""
    spread = float(moved.std(ddof=1))
    one, other = own / own.std(ddof=1), moved / spread if spread > 0.0 else np.zeros_like(moved)
    apart = other - kept * one
    error = float(apart.std(ddof=1)) / math.sqrt(apart.size)
    mean = float(one.mean())
    return float(other.mean()) / mean, deviations(apart.size - 1.0, looks) * error / abs(mean)


def _told_near(thresholds: pd.DataFrame) -> Verdict:
    """Judge the table of thresholds that foreign evidence brings along."""
    if "outer_score" not in thresholds.columns:
        return insufficient("thresholds.parquet has no outer_score")
    table = thresholds.sort_values("threshold").reset_index(drop=True)
    if "chosen" not in table.columns or int(table["chosen"].sum()) != 1 or len(table) < 3:
        return insufficient("thresholds.parquet needs three thresholds, one of them chosen")
    place = int(table["chosen"].to_numpy().argmax())
    outer = table["outer_score"].to_numpy(dtype=np.float64)
    near = [outer[each] for each in (place - 1, place + 1) if 0 <= each < len(outer)]
    value = float(min(near) / outer[place]) if outer[place] > 0.0 else math.nan
    told = " and ".join(f"{score:.3f}" for score in near)
    text = f"the chosen threshold {table['threshold'][place]:g} scores {outer[place]:.3f}, its neighbours {told}"
    tuned = _tuned_outside(table, place)
    if tuned:
        shown = value if math.isfinite(value) else None
        return refused(
            tuned, shown, evidence=("thresholds.parquet: chosen",), numbers={"reach": 0, "chosen_by_test": 1}
        )
    if outer[place] <= 0.0:
        return refused(f"{text}: it does not earn", evidence=("thresholds.parquet",))
    return weigh(text, value, {"reach": 0, "chosen_by_test": 0}, evidence=("thresholds.parquet",))


def _tuned_outside(table: pd.DataFrame, place: int) -> str:
    """Say that a threshold was picked by its test score; empty where nothing speaks for that."""
    outer = table["outer_score"].to_numpy(dtype=np.float64)
    if "inner_score" not in table.columns or outer[place] < outer.max():
        return ""
    inner = table["inner_score"].to_numpy(dtype=np.float64)
    rank = int((inner > inner[place]).sum())
    gain = (outer[place] - np.median(outer)) / max(1e-12, abs(float(np.median(outer))))
    if rank >= max(2, len(inner) // 3) and gain > 0.15:
        return (
            f"the chosen threshold {table['threshold'][place]:g} is the best of {len(outer)} out of sample, but number "
            f"{rank + 1} inside the training windows: it was chosen by the test"
        )
    return ""
