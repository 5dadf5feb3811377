"""Check that three engines say the same: features in batch, features bar by bar, and the exported strategy (LK010)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import CryptoTeamError
from crypto_team.features.needs import reads_beyond
from crypto_team.features.online import OnlineFeatures
from crypto_team.features.surroundings import Surroundings
from crypto_team.features.verdicts import robust_spread
from crypto_team.gates.causality import FeatureSource, fold_model
from crypto_team.gates.recompute import complete_bars, milliseconds, stamp
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.reviews import Backtest
from crypto_team.validation.prediction import FoldModel, fold_signal

Floats = npt.NDArray[np.float64]
BARS = ("open", "high", "low", "close", "volume")
TOLERANCE = 1e-4


@check(
    "LK010",
    "Batch, online and exported strategy say the same",
    unit="differences",
    source="one definition, three engines",
    remedy=("crypto-team ml-engineer export STR", "crypto-team backtester run STR"),
    stricter={"rows": "higher"},
    limit=Limit("at_most", 0.0),
)
def engines_agree(  # noqa: PLR0913 - a check's parameters are its evidence, all of it is needed
    features: FeatureSet,
    bars: Mapping[str, pd.DataFrame],
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    model_dir: Path,
    code_dir: Path | None = None,
    surroundings: Surroundings | None = None,
    backtest: Backtest | None = None,
    *,
    rows: float = 24,
) -> Verdict:
    """Feed bars one by one to the online engine on `rows` bars of every fold and pair, and compare with the batch.

    Values of every formula have to be those of the batch matrix, and the fold's model has to give the stored signal on
    them. What the exported strategy said in Freqtrade is compared on all candles by the backtest, whose record is read
    here: a run that disagrees anywhere refuses. Python features exist in batch and in the exported strategy only.
    """
    if all(each.formula is None for each in features.features):
        return insufficient("there is no formula that the online engine could compute")
    source = FeatureSource(features, meta, code_dir, model_dir, surroundings)
    problems: list[str] = []
    compared = 0
    for pair in meta.pairs:
        found, many = _of_pair(source, complete_bars(bars[pair], meta.timeframe), pair, predictions, int(rows))
        problems += found
        compared += many
    seen = ""
    if backtest is not None:
        seen = f"{backtest.backtest_id}: the exported strategy agrees on {backtest.signal_agreement:.4%} of "
        seen += f"{backtest.candles_compared} candles"
        problems += [seen] if backtest.signal_agreement < 1.0 else []
    if not compared and not problems:
        return insufficient("no test part has bars to compare")
    text = "; ".join(problems[:4]) or f"{compared} bars computed one by one are those of the batch; {seen}".rstrip("; ")
    return judge(not problems, text, len(problems), evidence=tuple(problems))


def _of_pair(
    source: FeatureSource, bars: pd.DataFrame, pair: str, predictions: pd.DataFrame, rows: int
) -> tuple[list[str], int]:
    """Compare both engines on the middle of every test part of one pair; return what differs, and the bars compared."""
    frame = bars.reset_index(drop=True)
    times = milliseconds(frame["timestamp"])
    batch = source.matrix(source.features.features, frame, pair)
    table = pd.DataFrame(np.asarray(batch.values), columns=list(batch.names))
    stored = predictions[(predictions["part"] == "test") & (predictions["pair"] == pair)]
    problems: list[str] = []
    compared = 0
    for fold in source.meta.folds:
        inside = np.flatnonzero((times >= stamp(fold.test_start)) & (times < stamp(fold.test_end)))
        first = max(0, (inside.size - rows) // 2)
        if not inside.size or source.model_dir is None:
            continue
        try:
            model = fold_model(source.model_dir, fold)
            told = _bar_by_bar(source, frame, pair, inside[first : first + rows], model)
        except CryptoTeamError as problem:
            problems.append(f"{pair}, fold {fold.fold}: {problem}")
            continue
        compared += len(told)
        wrong = [*_values(table, told), *_signals(model, table, told, stored[stored["fold"] == fold.fold], times)]
        problems += [f"{pair}, fold {fold.fold}: {text}" for text in wrong]
    return problems, compared


def _bar_by_bar(
    source: FeatureSource, frame: pd.DataFrame, pair: str, places: npt.NDArray[np.int64], model: FoldModel
) -> pd.DataFrame:
    """Return the formulas' values at some consecutive rows, each bar fed after the ones before it, by row number."""
    formulas = {each.name: each.formula for each in source.features.features if each.formula is not None}
    meta, around = source.meta, source.surroundings
    engine = OnlineFeatures(
        list(formulas.values()), list(formulas), timeframe=meta.timeframe, pair=pair, fitted=_fitted(model)
    )
    times = milliseconds(frame["timestamp"])
    if around is not None and any(reads_beyond(text) for text in formulas.values()):
        # What others published between two bars comes as events of their own; here the history ends with the last bar.
        last = int(places[-1])
        known = around.seen_from(pair).before(int(times[last]) + timeframe_seconds(meta.timeframe) * 1000 + 1)
        made = engine.warm_up(frame.iloc[: last + 1], known)[None, :]
        return pd.DataFrame(made, columns=list(formulas), index=places[-1:])
    if places[0] > 0:
        engine.warm_up(frame.iloc[: places[0]])
    fed = frame[list(BARS)].to_numpy(dtype=np.float64)
    rows = [
        engine.update({"timestamp": int(times[place]), **dict(zip(BARS, fed[place], strict=True))}) for place in places
    ]
    return pd.DataFrame(np.array(rows), columns=list(formulas), index=places)


def _fitted(model: FoldModel) -> dict[str, dict[str, Any]]:
    return {name: dict(item.document()) for name, item in model.transformers.items()}


def _values(table: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    """Name formulas whose values bar by bar are not those of the batch, relative to the spread of the column."""
    problems = []
    for name in told.columns:
        batch, online = table[name].to_numpy(dtype=np.float64), told[name].to_numpy(dtype=np.float64)
        near = TOLERANCE * robust_spread(batch)
        same = np.isclose(online, batch[told.index], rtol=TOLERANCE, atol=near, equal_nan=True)
        if not same.all():
            first = int((~same).argmax())
            problems.append(
                f"{name} is {batch[told.index[first]]:.6g} in batch and {online[first]:.6g} bar by bar "
                f"({int((~same).sum())} of {len(told)} bars differ)"
            )
    return problems


def _signals(
    model: FoldModel, table: pd.DataFrame, told: pd.DataFrame, stored: pd.DataFrame, times: npt.NDArray[np.int64]
) -> list[str]:
    """Ask the fold's model on the values bar by bar and compare with the stored signals; not with models of windows."""
    if model.history:
        return []
    rows = table.loc[told.index].copy()
    rows[list(told.columns)] = told
    known = pd.Series(stored["signal"].to_numpy(dtype=np.float64), index=milliseconds(stored["time"]))
    wanted = known.reindex(times[told.index]).to_numpy()
    said = fold_signal(model, {name: rows[name].to_numpy(dtype=np.float32) for name in model.inputs}).signal
    there = np.isfinite(wanted)
    wrong = int((~np.isclose(said, wanted, rtol=1e-3, atol=1e-4))[there].sum())
    return [f"the signal differs on {wrong} of {int(there.sum())} bars"] if wrong else []
