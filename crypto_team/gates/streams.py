"""What learners that went on learning may have learnt: labels that were over, and no others (a part of LK008)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import milliseconds
from crypto_team.models.base import Model
from crypto_team.models.streams import Lessons, Stream
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange

BPS = 1e4


def learnt_otherwise(model: Model, fold: FoldRange, predictions: pd.DataFrame, meta: EvidenceMeta) -> Iterator[str]:
    """Yield what is wrong with the labels that a model learnt after its training.

    Each has to be known no earlier than its horizon ends, to be as many as the fold says, and to be the label of the
    predictions where they have the bar.
    """
    lessons = model.lessons if isinstance(model, Stream) else None
    told = 0 if lessons is None else len(lessons)
    if told != fold.later_labels:
        yield f"the fold says that {fold.later_labels} labels were learnt after training, the model holds {told}"
    if lessons is None:
        return
    early = lessons.known - lessons.opened < meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000
    if early.any():
        yield f"the model learnt {int(early.sum())} labels before their horizon was over"
    wrong = _other_labels(lessons, predictions[predictions["fold"] == fold.fold], meta)
    if wrong:
        yield f"{wrong} labels that the model learnt are not those of the predictions"


def _other_labels(lessons: Lessons, rows: pd.DataFrame, meta: EvidenceMeta) -> int:
    column, unit = ("label", 1.0) if "p_0" in rows and rows["p_0"].notna().any() else ("forward_return", BPS)
    pairs = np.array(meta.pairs, dtype=object)
    learnt = pd.DataFrame({"time": lessons.opened, "pair": pairs[lessons.pair], "learnt": lessons.labels})
    known = pd.DataFrame({"time": milliseconds(rows["time"]), "pair": rows["pair"], "came": rows[column] * unit})
    both = learnt.merge(known, on=["time", "pair"], how="inner")
    same = np.isclose(both["learnt"], both["came"], rtol=1e-9, atol=1e-9)
    return int((~same).sum())
