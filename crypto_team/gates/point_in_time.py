"""Check that nothing counts before it was known: series and other pairs, joined as of each close (LK007)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from crypto_team.features.needs import needs, reads_beyond
from crypto_team.features.surroundings import SeriesKey, Surroundings
from crypto_team.gates.causality import FeatureSource
from crypto_team.gates.recompute import complete_bars, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, judge, passed
from crypto_team.schemas.data import Dataset
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import Feature, FeatureSet

ONE_MS = 1
CUTS = 6


@check(
    "LK007",
    "Nothing counts before it was known",
    unit="problems",
    source="point in time: every source has a publication lag or says when each value was known",
    remedy=("crypto-team data import-series FILE", "crypto-team ml-engineer train STR"),
    stricter={},
)
def known_at_decision(
    features: FeatureSet,
    meta: EvidenceMeta,
    bars: Mapping[str, pd.DataFrame],
    datasets: Mapping[str, Dataset],
    features_sample: pd.DataFrame,
    code_dir: Path | None = None,
    model_dir: Path | None = None,
    surroundings: Surroundings | None = None,
) -> Verdict:
    """Require that every value used at a bar's close was known by then.

    Each source that formulas read is part of the evidence and says when its values were known. At sampled bars of
    every pair everything that became known later is taken away, and the stored features have to stay as they are.
    """
    chosen = [item for item in features.features if any(reads_beyond(text) for text in item.formulas)]
    if not {"time", "pair"} <= set(features_sample):
        return insufficient("the sample of features has no times or pairs")
    if not chosen:
        return passed("no feature reads another pair or a series", 0)
    if surroundings is None:
        return insufficient("other pairs and series that formulas read are missing")
    problems = list(_unregistered(chosen, meta, datasets))
    source = FeatureSource(features, meta, code_dir, model_dir, surroundings)
    count = 0
    for pair, rows in features_sample.groupby("pair", sort=True):
        kept = [item for item in chosen if item.name in rows]
        places = np.unique(np.linspace(0, len(rows) - 1, CUTS).astype(int))
        count += len(kept) * places.size
        problems += _changed(source, kept, bars[str(pair)], rows.iloc[places])
    proven = f"{count} values of {len(chosen)} features stay when what became known later is taken away"
    text = "; ".join(problems[:4]) or proven
    return judge(not problems, text, len(problems), evidence=tuple(problems))


def _unregistered(chosen: list[Feature], meta: EvidenceMeta, datasets: Mapping[str, Dataset]) -> Iterator[str]:
    """Yield sources that the evidence does not name, or that do not say when their values were known."""
    wanted = needs([text for item in chosen for text in item.formulas], meta.pairs)
    used = [datasets[name] for name in meta.dataset_ids if name in datasets]
    candles = {item.pair for item in used if item.kind == "ohlcv" and item.timeframe == meta.timeframe}
    for pair in wanted.pairs:
        if pair not in candles:
            yield f"bars of {pair} are read, but are no dataset of the evidence"
    for key in wanted.series:
        if not any(_is_of(item, key) for item in used):
            yield f"{key.kind} {key.source or key.pair} is read, but is no dataset of the evidence"


def _is_of(item: Dataset, key: SeriesKey) -> bool:
    return item.kind == key.kind and (item.pair == key.pair if key.pair else item.name == key.source)


def _changed(source: FeatureSource, chosen: list[Feature], bars: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    """Yield features whose stored value is not the one that follows from what was known at the close of its bar."""
    frame = complete_bars(bars, source.meta.timeframe)
    times = milliseconds(frame["timestamp"])
    step = int(times[1] - times[0])
    lookback = max((item.lookback for item in chosen), default=0)
    pair = str(rows["pair"].iloc[0])
    for row, time in zip(rows.itertuples(), milliseconds(rows["time"]), strict=True):
        end = int(np.searchsorted(times, time))
        first = max(0, end - lookback)
        assert source.surroundings is not None  # noqa: S101 - the check returns before without any
        known = source.surroundings.before(int(time) + step + ONE_MS)
        cut = FeatureSource(source.features, source.meta, source.code_dir, source.model_dir, known)
        last = cut.matrix(chosen, frame.iloc[first : end + 1].reset_index(drop=True), pair).values[-1]
        for name, value in zip((item.name for item in chosen), last, strict=True):
            stored = float(getattr(row, name))
            if not np.isclose(stored, float(value), rtol=1e-3, atol=1e-6, equal_nan=True):
                yield f"{name} of {pair} at {row.time}: {stored:g} is stored, {value:g} was known"
