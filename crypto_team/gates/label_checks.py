"""Check that stored labels are those that the registered prices give (DQ007)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.features.matrix import build_matrix
from crypto_team.features.surroundings import Surroundings
from crypto_team.gates.causality import reference_folder
from crypto_team.gates.imported.labels import labels_from_closes
from crypto_team.gates.recompute import complete_bars, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, judge
from crypto_team.labels import Prices, target_labels
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer train STR",)


@check(
    "DQ007",
    "Labels, forward returns and label ends recompute from prices",
    unit="rows that differ",
    source="gate rule: recomputed, not claimed",
    mend="compute labels again from the closes of the market: fractions, by the UTC time at which the bar opens",
    remedy=RETRAIN,
    stricter={},
)
def labels_recompute(
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    bars: Mapping[str, pd.DataFrame],
    features: FeatureSet | None = None,
    code_dir: Path | None = None,
    surroundings: Surroundings | None = None,
    market: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
) -> Verdict:
    """Every stored label, forward return and label end equals the one that the registered candles give.

    For a meta-label the side of the primary rule is computed again too. Foreign evidence may write returns as
    logarithms and classes by other limits; its labels have to follow from the prices of its market.
    """
    if imported is not None and market is not None:
        return labels_from_closes(meta, predictions, market, imported)
    if features is None:
        return insufficient("missing: features.yaml")
    columns = ["label", "forward_return", *(["side"] if meta.target.side_feature else [])]
    wrong = dict.fromkeys([*columns, "label_end"], 0)
    known = 0
    for pair, rows in predictions.groupby("pair", sort=True):
        frame = complete_bars(bars[str(pair)], meta.timeframe)
        around = surroundings.seen_from(str(pair)) if surroundings else None
        side = _side(features, frame, meta, code_dir, around)
        expected = _expected_labels(rows, frame, meta, side)
        known += int(np.isfinite(expected["forward_return"]).sum())
        for column in columns:
            if column not in rows:
                wrong[column] += len(rows)
                continue
            stored = rows[column].to_numpy(dtype=np.float64)
            same = np.isclose(stored, expected[column], rtol=1e-9, atol=1e-12, equal_nan=True)
            wrong[column] += int((~same).sum())
        labelled = rows["label"].notna().to_numpy()
        ends = milliseconds(rows.loc[labelled, "label_end"])
        wrong["label_end"] += int((ends != expected["label_end"][labelled]).sum())
    total = sum(wrong.values())
    if known == 0:
        return insufficient("no row has a forward return that prices could confirm")
    text = ", ".join(f"{column}: {count} differ" for column, count in wrong.items())
    return judge(total == 0, f"{text} of {len(predictions)} rows", total, evidence=("predictions.parquet",))


def _expected_labels(
    rows: pd.DataFrame, bars: pd.DataFrame, meta: EvidenceMeta, side: Floats | None
) -> dict[str, npt.NDArray[np.float64]]:
    high, low, close = (bars[name].to_numpy(dtype=np.float64) for name in ("high", "low", "close"))
    times = milliseconds(bars["timestamp"])
    labels = target_labels(Prices(high, low, close), meta.target, side=side)
    place = np.searchsorted(times, milliseconds(rows["time"]))
    found = np.append(times, -1)[place] == milliseconds(rows["time"])
    nowhere = np.where(found, place, len(times))
    step = timeframe_seconds(meta.timeframe) * 1000
    made = {
        "label": np.append(labels.label, np.nan)[nowhere],
        "forward_return": np.append(labels.forward_return, np.nan)[nowhere],
        "label_end": milliseconds(rows["time"]) + np.append(labels.known_after, 0)[nowhere] * step,
    }
    return made if side is None else {**made, "side": np.append(np.sign(side), np.nan)[nowhere]}


def _side(
    features: FeatureSet, bars: pd.DataFrame, meta: EvidenceMeta, code_dir: Path | None, around: Surroundings | None
) -> Floats | None:
    """Compute the primary rule of a meta-label from the candles; None where the target has none."""
    rule = [each for each in features.features if each.name == meta.target.side_feature]
    if not rule:
        return None
    folder = reference_folder(code_dir, features)
    matrix = build_matrix(rule, bars, code_dir=folder, surroundings=around)
    side: Floats = matrix.values[:, 0].astype(np.float64)
    return side
