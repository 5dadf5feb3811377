"""Check that a model earns its complexity: it is compared with the simplest one on the same rows (OF016)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS
from crypto_team.gates.recompute import Returns, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, weigh
from crypto_team.gates.skill import outcomes
from crypto_team.gates.statistics import DAY_MS, auc_contributions, block_mean, rank_ic_contributions
from crypto_team.schemas.evidence import EvidenceMeta

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer set-model STR --model logistic", "crypto-team ml-engineer train STR")


@check(
    "OF016",
    "Beats the simple model that it replaces",
    unit="skill above the simple model's",
    source="a complex model has to earn its complexity; logistic regression or ridge, fitted in the same folds",
    remedy=RETRAIN,
    stricter={"margin": "higher"},
    passes=f"itself == 1 or value >= margin and value + {DEVIATIONS:.6g} * error >= 0",
)
def beats_the_simple_model(
    returns: Returns, simple: pd.DataFrame, meta: EvidenceMeta, *, margin: float = -0.02
) -> Verdict:
    """Compare the skill of the model with that of the simplest one on the same rows, fold by fold.

    Skill is AUC - 0.5 (rank correlation for a regression), its difference has the error of blocks of time, paired.
    Refused where the model is worse by more than `-margin`, or worse at all beyond the budget of false alarms
    (`gates/alarms`): then the simple one should be traded. A difference that chance explains passes, and the report
    says that the simple model would do. A strategy that is the simple model itself replaces nothing.
    """
    rows = _side_by_side(returns.test, simple)
    if len(rows) < len(returns.test) * 0.98 or rows.empty:
        text = f"simple.parquet has {len(rows)} of the {len(returns.test)} test rows"
        return insufficient(text, evidence=("simple.parquet",))
    if np.array_equal(rows["signal"].to_numpy(), rows["signal_simple"].to_numpy(), equal_nan=True):
        return weigh("the model is the simplest one itself", 0.0, {"itself": 1, "error": 0.0})
    parts = [_difference(part, meta) for _, part in rows.groupby("fold", sort=True)]
    values, times = (np.concatenate(each) for each in zip(*parts, strict=True))
    block = max(DAY_MS, meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000)
    found = block_mean(values, times, rng=np.random.default_rng(43), block_ms=block)
    error = float(np.std(found.draws))
    if not math.isfinite(error):
        return insufficient("the difference of skill is undefined: one class only, or fewer than five days")
    value = found.estimate
    limits = (value - 1.96 * error, value + 1.96 * error)
    text = f"skill differs from the simple model's by {value:+.4f} in [{limits[0]:+.4f}, {limits[1]:+.4f}]"
    note = "" if limits[0] > 0.0 else "; not above zero beyond chance: the simple model would do"
    if value < margin or value + DEVIATIONS * error < 0.0:
        note = ": trade the simple model"
    return weigh(text + note, value, {"itself": 0, "error": error}, interval=limits, evidence=("simple.parquet",))


def _side_by_side(test: pd.DataFrame, simple: pd.DataFrame) -> pd.DataFrame:
    """Join the simple model's signal and event to the test rows of the same time, pair and fold."""
    left, right = test.copy(), simple[["time", "pair", "fold", "signal", "event"]].copy()
    left["time"], right["time"] = milliseconds(left["time"]), milliseconds(right["time"])
    return left.merge(right, on=["time", "pair", "fold"], how="inner", suffixes=("", "_simple"))


def _difference(rows: pd.DataFrame, meta: EvidenceMeta) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return per-row contributions to the difference of skill of one fold, and the time of each row."""
    score, event = outcomes(rows, meta)
    truth = rows["forward_return"].to_numpy(dtype=np.float64) if meta.target.kind == "return" else event
    # The own score is the signal, or P(win) of a meta-label; of the simple model the same.
    other = rows["event" if "side" in rows else "signal_simple"].to_numpy(dtype=np.float64)
    known = np.isfinite(score) & np.isfinite(other) & np.isfinite(truth)
    values = np.full(len(rows), np.nan)
    if known.sum() >= 3:
        if meta.target.kind == "return":
            ours, theirs = (rank_ic_contributions(each[known], truth[known]) for each in (score, other))
        else:
            ours, theirs = (auc_contributions(each[known], truth[known] > 0.5) for each in (score, other))
        values[known] = ours - theirs
    return values, rows["time"].to_numpy(dtype=np.int64)
