"""Stated results of foreign evidence against computed ones: positions, returns, costs, headline numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crypto_team.gates.imported.timing import SOUND
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Verdict, judge, several
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.metrics import summary

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

WORDS: Mapping[str, str] = {
    "sharpe_ratio": "sharpe",
    "oos_sharpe": "sharpe",
    "return": "total_return",
    "oos_return": "total_return",
    "drawdown": "max_drawdown",
    "trades": "n_trades",
    "win_rate": "hit_rate",
    "roc_auc": "auc",
    "ic": "information_coefficient",
}
TIMINGS: Mapping[str, str] = {
    "overlapping": "each row earns the return of its whole horizon, so that overlapping positions count the same "
    "bars several times",
    "same_bar": "each position earns the return of the bar that it was decided on",
    "unexplained": "return_gross is not position times the return of the next bar",
}
FEW = 0.001


def stated(value: Any) -> dict[str, float | str]:
    """Return stated results by name: numbers, a share such as `71 %` as a fraction, else their words as they stand."""
    if value is None:
        return {}
    told = value if isinstance(value, dict) else {"claims": value}
    return {str(name): _number(each) for name, each in told.items() if each is not None}


def _number(value: Any) -> float | str:
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)} values"
    words = str(value).strip()
    try:
        number = float(words.removesuffix("%")) / (100.0 if words.endswith("%") else 1.0)
    except ValueError:
        return words[:100]
    return number if math.isfinite(number) else words[:100]


def stated_equals_computed(meta: EvidenceMeta, returns: Returns, imported: ImportedFacts) -> Verdict:
    """Compare stored returns row by row and headline numbers of `meta.yaml` with what prices and positions give."""
    computed = summary(returns.predictions)
    wrong = [*_timing(imported), *_year(meta, imported), *_claims(computed, imported.claims)]
    if imported.timed.timing in SOUND:
        wrong += _better_than_computed(returns, imported)
    unknown = sorted(name for name in imported.claims if computed.get(_key(name)) is None)
    aside = f"; not computed here and not compared: {several(unknown)}" if unknown else ""
    text = "; ".join(wrong[:4]) or "all stated returns and numbers are the recomputed ones"
    return judge(not wrong, f"{text}{aside}"[:1000], len(wrong), evidence=tuple(wrong))


def _timing(imported: ImportedFacts) -> Iterator[str]:
    found = imported.timed
    if found.timing not in SOUND:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in found.shares.items())
        yield f"predictions.parquet: {TIMINGS[found.timing]} (rows that fit: {shares})"


def _year(meta: EvidenceMeta, imported: ImportedFacts) -> Iterator[str]:
    """Crypto trades all year round: bars a year follow from the timeframe."""
    from crypto_team.data.frame import timeframe_seconds

    expected = 365.0 * 86_400 / timeframe_seconds(meta.timeframe)
    told = imported.periods_per_year
    if told is not None and abs(told / expected - 1.0) > 0.01:
        yield f"meta.yaml: periods_per_year says {told:g}, bars of {meta.timeframe} are {expected:g} a year"


def _key(name: str) -> str:
    """Return under which name a stated result is computed."""
    return WORDS.get(name.lower(), name.lower())


def _claims(computed: Mapping[str, float | int | None], claims: Mapping[str, float | str]) -> Iterator[str]:
    for name, claim in claims.items():
        key = _key(name)
        value = computed.get(key)
        if value is None:
            continue
        if isinstance(claim, str):
            yield f"meta.yaml: {name} says {claim}, which is no number and cannot be compared; it is {value:.4g}"
            continue
        signed = 0.0 if key == "max_drawdown" and claim * value < 0.0 else 1.0
        told = claim if signed else -claim
        if not np.isclose(told, value, rtol=0.02, atol=0.005):
            yield f"meta.yaml: {name} says {claim:g}, it is {value:.4g}"


def _better_than_computed(returns: Returns, imported: ImportedFacts) -> Iterator[str]:
    """Name stored net returns that are better than the recomputed ones; worse ones may hold costs not stated."""
    stored = imported.stored.sort_values(["pair", "time"], kind="stable")
    computed = returns.predictions.loc[stored.index]
    told = stored["return_net"].to_numpy(dtype=np.float64)
    value = computed["return_net"].to_numpy(dtype=np.float64)
    if imported.timed.timing == "during_bar":
        value = computed.groupby("pair")["return_net"].shift(1).to_numpy(dtype=np.float64)
    if imported.timed.timing in {"per_trade", "not_stored"}:
        return
    logged = np.log1p(np.maximum(computed["return_gross"], -0.99)) - computed["return_gross"]
    known = np.isfinite(told) & np.isfinite(value)
    better = known & (told > value + 1e-7 + 1e-3 * np.abs(value) + np.abs(logged.to_numpy()))
    share = float(better.sum()) / max(1, int(known.sum()))
    if share > FEW:
        first = stored.iloc[int(better.argmax())]
        yield (
            f"predictions.parquet: return_net is better than computed in {int(better.sum())} of {int(known.sum())} "
            f"rows, first {first['pair']} at {first['time']}: {told[int(better.argmax())]:.6f}, "
            f"computed {value[int(better.argmax())]:.6f}"
        )


def missing_costs(returns: Returns, imported: ImportedFacts) -> str:
    """Return in words which part of the costs the stored net returns leave out; empty where none is missing."""
    if imported.timed.timing not in {"from_close", "during_bar"}:
        return ""
    stored = imported.stored
    if stored["return_net"].isna().all() or stored["return_gross"].isna().all():
        return ""
    paid = (stored["return_gross"] - stored["return_net"]).to_numpy(dtype=np.float64)
    test = returns.test.loc[stored.index]
    owed = (test["return_gross"] - test["return_net"]).to_numpy(dtype=np.float64)
    known = np.isfinite(paid) & np.isfinite(owed)
    total, seen = float(owed[known].sum()), float(paid[known].sum())
    changes = int((owed[known] > 0).sum())
    folds = max(1, stored["fold"].nunique() * stored["pair"].nunique())
    # A position that is carried over the edge of a fold may be booked on either side of it.
    slack = 0.02 + 2.0 * folds / max(1, changes)
    if total <= 0.0 or seen >= (1.0 - min(0.25, slack)) * total:
        return ""
    growing = pd.Series(np.abs(test["position"].fillna(0.0))).groupby(test["pair"]).diff().to_numpy(dtype=np.float64)
    parts = {
        "entries": float(paid[known & (growing > 0)].sum() / max(1e-12, owed[known & (growing > 0)].sum())),
        "exits": float(paid[known & (growing < 0)].sum() / max(1e-12, owed[known & (growing < 0)].sum())),
    }
    shown = ", ".join(f"{share:.0%} of {name}" for name, share in parts.items())
    return f"stored net returns pay {seen / total:.0%} of the costs on {changes} changes of position ({shown})"
