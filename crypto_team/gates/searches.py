"""Checks of all that was tried: disclosed, not padded, and the choice no luck (OF011, OF015, PR012)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.gates.alarms import FALSE_ALARM, deviations
from crypto_team.gates.case import LedgerView, places
from crypto_team.gates.imported.trials import shown_trials, tried
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, refused, weigh
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.pbo import pbo_cscv

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer train STR",)
LOSING = 1 / 3
BLOCKS = (16, 12, 10, 8, 6, 4)
FEWEST_TRIALS = 20


@check(
    "PR012",
    "Disclosed trials are those of the ledger",
    unit="trials",
    source="every trial counts",
    mend="declare as n_trials every configuration that was tried, chosen or not",
    remedy=RETRAIN,
    stricter={"dead_share": "lower"},
    limit=Limit("at_least", "shown"),
    passes="value >= 1 and value >= shown and dead <= dead_share",
)
def trials_disclosed(
    meta: EvidenceMeta,
    ledger: LedgerView,
    trials: pd.DataFrame | None = None,
    trial_returns: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
    *,
    dead_share: float = 0.3,
) -> Verdict:
    """Require in the ledger all trials that were known when the evidence was made; later ones may have come.

    Foreign evidence declares a number; no table may show more than that, and at most `dead_share` of the trials may be
    copies of others or never have moved: padding makes the spread of all trials look small.
    """
    if imported is not None:
        return _declared(imported, trials, trial_returns, dead_share)
    text = f"{meta.declared_n_trials} trials declared with the evidence, {ledger.n_trials} are in the ledger"
    if ledger.n_trials < 1:
        text += ": the training itself is not booked"
    if len(ledger.sharpes) > ledger.n_trials:
        text += f", which has {len(ledger.sharpes)} Sharpe ratios"
    return weigh(text, ledger.n_trials, {"shown": max(meta.declared_n_trials, len(ledger.sharpes)), "dead": 0.0})


def _declared(
    imported: ImportedFacts, trials: pd.DataFrame | None, trial_returns: pd.DataFrame | None, dead_share: float
) -> Verdict:
    tables = {"trials": trials, "trial_returns": trial_returns}
    shown = shown_trials({name: table for name, table in tables.items() if table is not None})
    if imported.n_trials is None:
        return insufficient(
            "meta.yaml declares no n_trials: how many were tried is unknown", evidence=("meta.yaml: n_trials",)
        )
    more = [f"{name}.parquet shows {count} trials" for name, count in shown.items() if count > imported.n_trials]
    text = f"{imported.n_trials} trials are declared"
    numbers = {"shown": float(max(shown.values(), default=0)), "dead": 0.0}
    if more:
        return weigh(f"{text}, but {'; '.join(more)}", imported.n_trials, numbers, evidence=tuple(more))
    if trial_returns is not None:
        alive = tried(trial_returns).alive
        dead = int((~alive).sum())
        # Of fewer than five a share says nothing.
        numbers["dead"] = dead / alive.size if alive.size >= 5 else 0.0
        if numbers["dead"] > dead_share:
            line = f"trial_returns.parquet: {dead} of {alive.size} trials are copies of others or never moved"
            return weigh(f"{text}; {line}", imported.n_trials, numbers, evidence=(line,))
    return weigh(f"{text}, no table shows more", imported.n_trials, numbers)


@check(
    "OF011",
    "Choosing among the trials was no overfitting",
    unit="probability of backtest overfitting",
    source="Bailey, Borwein, Lopez de Prado and Zhu (2017)",
    mend="choose by inner scores, among fewer configurations that differ more",
    remedy=RETRAIN,
    stricter={"probability": "lower", "loss": "lower"},
    passes="value <= probability or lost <= loss",
)
def choice_is_no_overfitting(
    trial_returns: pd.DataFrame | None = None,
    trials: pd.DataFrame | None = None,
    *,
    probability: float = 0.2,
    loss: float = 0.25,
) -> Verdict:
    """Split the days in halves in all ways: the best trial of one half is rarely below the median of the other.

    Copies and trials that never moved are left out. Trials that are all good differ by chance alone, so that their
    order says nothing: then the check passes when the best of one half loses money in few of the other halves, at most
    `loss` of them. Trials of one true Sharpe ratio of 2 whose best passes OF010 lose in more than a quarter in 0 of
    1,000 simulated studies (2 to 40 trials, 200 or 450 days), in more than a twentieth in 5 to 40 %.

    Of our own work the ledger keeps the daily returns of every training, backtest and candidate of a sweep; they are
    compared on the days of the evidence. What `tune` tries has no returns outside: it is chosen inside the first
    training window, and OF010 counts it.

    Refused, too, when a table of twenty trials or more says that the chosen one is the best of all out of sample,
    though the inner scores speak against it: a quarter of the trials score higher there, the best by more than what
    the scores usually spread.
    """
    by_test = "" if trials is None else _chosen_by_test(trials)
    if by_test:
        return refused(by_test, evidence=("trials.parquet: chosen",))
    if trial_returns is None:
        return insufficient(f"missing: {places('trial_returns')[0]}")
    found = tried(trial_returns)
    daily = found.daily[:, found.alive]
    if daily.shape[1] == 1:
        text = "all trials traded alike: nothing was chosen among them"
        return weigh(text, 0.0, {"lost": 0.0}, evidence=("trial_returns.parquet",))
    if daily.shape[1] < 1:
        return insufficient("no trial ever moved", evidence=("trial_returns.parquet",))
    blocks = next((number for number in BLOCKS if daily.shape[0] // number * number // 2 >= 2 * number), 0)
    if not blocks:
        return insufficient(f"{daily.shape[0]} days of trial returns are too few to split")
    result = pbo_cscv(daily, n_blocks=blocks)
    text = (
        f"the best of {daily.shape[1]} trials in one half of the days is below the median of the other in "
        f"{result.pbo:.0%} of {result.n_combinations} splits, and loses money there in {result.loss_probability:.0%}"
    )
    if result.pbo > probability and result.loss_probability <= loss:
        text += ": all trials earn alike, their order is chance"
    return weigh(text, result.pbo, {"lost": result.loss_probability}, evidence=("trial_returns.parquet",))


def _chosen_by_test(trials: pd.DataFrame) -> str:
    """Say that a trial was picked by its outer score; empty where nothing speaks for that.

    Who looks at inner scores only takes one that is best there, or nearly: ties and trials within the usual spread of
    the scores are left alone. Who has other reasons meets the outer best of twenty in one case of twenty.
    """
    if not {"inner_score", "outer_score", "chosen"} <= set(trials.columns):
        return ""
    scores = trials[["inner_score", "outer_score"]].to_numpy(dtype=np.float64)
    known = trials.loc[np.isfinite(scores).all(axis=1)]
    if "configuration" in known.columns:
        known = known.drop_duplicates(["configuration", "inner_score", "outer_score", "chosen"])
    marked = known["chosen"].to_numpy(dtype=bool)
    if len(known) < FEWEST_TRIALS or int(marked.sum()) != 1:
        return ""
    inner, outer = (known[name].to_numpy(dtype=np.float64) for name in ("inner_score", "outer_score"))
    own_inner, own_outer = float(inner[marked][0]), float(outer[marked][0])
    better = int((inner > own_inner).sum())
    spread = float(stats.median_abs_deviation(inner, scale="normal"))
    if own_outer <= float(outer[~marked].max()) or better < len(known) / 4 or inner.max() - own_inner <= spread:
        return ""
    return (
        f"the chosen trial is the best of {len(known)} out of sample ({own_outer:.3f}), but number {better + 1} by its "
        f"inner score ({own_inner:.3f}, the best has {float(inner.max()):.3f}): it was chosen by the test"
    )


@check(
    "OF015",
    "Not the best of many seeds",
    unit="mean score of the seeds over the chosen one's",
    source="a seed is a trial too",
    mend="average the forecasts of many seeds instead of choosing one",
    remedy=RETRAIN,
    stricter={"share": "higher"},
    passes=f"value + reach >= share and value >= share / 2 and so_many_lose >= {FALSE_ALARM:g}",
)
def no_lucky_seed(seeds: pd.DataFrame, imported: ImportedFacts | None = None, *, share: float = 0.5) -> Verdict:
    """Require that the same design with other seeds keeps half of the score, and earns with most of them.

    Of our own work the ledger tells with which other seeds the same design was trained, and the Sharpe ratio of each;
    where it was trained with one seed only, or all seeds predict the same, no seed was chosen.

    Refused when the other seeds stay below that beyond the budget of false alarms: the upper limit of their mean
    (Student's t over the other seeds) is below `share` of the chosen score, or more than a third of the seeds surely
    lose (binomial). Not enough evidence when the others keep less than half of `share`: few seeds scatter widely.
    """
    if imported is None and len(seeds) == 1 and bool(seeds["chosen"].all()):
        text = "the ledger has this design with one seed only, or all predict the same: no seed was chosen"
        return weigh(text, 1.0, {"reach": 0.0, "so_many_lose": 1.0})
    scores = seeds["score"].to_numpy(dtype=np.float64)
    known = scores[np.isfinite(scores)]
    if known.size < 3:
        return insufficient(f"{known.size} seeds with a score, three are needed: {3 - known.size} more")
    marked = seeds["chosen"].to_numpy(dtype=bool) if "chosen" in seeds.columns else np.zeros(len(seeds), dtype=bool)
    own = float(scores[marked][0]) if marked.sum() == 1 and np.isfinite(scores[marked][0]) else float(known.max())
    others = np.delete(known, int(np.abs(known - own).argmin()))
    mean, error = float(others.mean()), float(others.std(ddof=1)) / math.sqrt(others.size)
    best = " (the best of them)" if own >= known.max() else ""
    text = f"the chosen seed scores {own:.3f}{best}, the {others.size} others {mean:.3f} +- {error:.3f} on average"
    rows = ("seeds.parquet",)
    if own <= 0.0:
        return refused(f"{text}: the chosen seed does not earn", evidence=rows)
    losing = int((known <= 0.0).sum())
    reach, chance = deviations(others.size - 1.0) * error / own, float(stats.binom.sf(losing - 1, known.size, LOSING))
    numbers, value = {"reach": reach, "so_many_lose": chance}, mean / own
    if value + reach < share or chance < FALSE_ALARM:
        return refused(f"{text}; {losing} of {known.size} seeds lose", value, evidence=rows, numbers=numbers)
    if value < share / 2.0:
        text += ": a dozen seeds would tell whether it was luck"
        return insufficient(text, value, evidence=rows, numbers=numbers)
    return weigh(text, value, numbers, evidence=rows)
