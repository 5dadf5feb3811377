"""Checks of all that was tried: disclosed, not padded, and the choice no luck (OF011, OF014, OF015, PR012)."""

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
    stricter={"probability": "lower"},
    passes="value <= probability or lost <= probability / 4",
)
def choice_is_no_overfitting(
    trial_returns: pd.DataFrame | None = None, trials: pd.DataFrame | None = None, *, probability: float = 0.2
) -> Verdict:
    """Split the days in halves in all ways: the best trial of one half is rarely below the median of the other.

    Copies and trials that never moved are left out. Trials that are all good differ by chance alone, so that their
    order says nothing: then the check passes when the best of one half loses money in few of the other halves.

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
    if result.pbo > probability and result.loss_probability <= probability / 4:
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
    "OF014",
    "Threshold stands on a plateau and was chosen inside",
    unit="share of its score that its neighbours keep",
    source="parameter plateau; thresholds are chosen inside the training window",
    mend="choose the threshold by inner scores, from the middle of a range in which all do well",
    remedy=("crypto-team ml-engineer set-signal STR", *RETRAIN),
    stricter={"kept": "higher"},
    passes="value >= kept and chosen_by_test == 0",
)
def threshold_on_plateau(thresholds: pd.DataFrame, *, kept: float = 0.3) -> Verdict:
    """Require that the neighbours of the chosen threshold keep part of its score, and it was not chosen by the test.

    Refused when the chosen one is the best out of sample while inside the training window another was better by more
    than the spread of the scores explains.
    """
    if "outer_score" not in thresholds.columns:
        return insufficient("thresholds.parquet has no outer_score")
    table = thresholds.sort_values("threshold").reset_index(drop=True)
    if "chosen" not in table.columns or int(table["chosen"].sum()) != 1 or len(table) < 3:
        return insufficient("thresholds.parquet needs three thresholds, one of them chosen")
    place = int(table["chosen"].to_numpy().argmax())
    outer = table["outer_score"].to_numpy(dtype=np.float64)
    near = [outer[each] for each in (place - 1, place + 1) if 0 <= each < len(outer)]
    value = float(min(near) / outer[place]) if outer[place] > 0.0 else math.nan
    text = f"the chosen threshold {table['threshold'][place]:g} scores {outer[place]:.3f}, its neighbours {near}"
    tuned = _tuned_outside(table, place)
    if tuned:
        shown = value if math.isfinite(value) else None
        return refused(tuned, shown, evidence=("thresholds.parquet: chosen",), numbers={"chosen_by_test": 1})
    if outer[place] <= 0.0:
        return refused(f"{text}: it does not earn", evidence=("thresholds.parquet",))
    return weigh(text, value, {"chosen_by_test": 0}, evidence=("thresholds.parquet",))


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
def no_lucky_seed(seeds: pd.DataFrame, *, share: float = 0.5) -> Verdict:
    """Require that the same design with other seeds keeps half of the score, and earns with most of them.

    Refused when the other seeds stay below that beyond the budget of false alarms: the upper limit of their mean
    (Student's t over the other seeds) is below `share` of the chosen score, or more than a third of the seeds surely
    lose (binomial). Not enough evidence when the others keep less than half of `share`: few seeds scatter widely.
    """
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
