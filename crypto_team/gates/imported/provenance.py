"""Whether a foreign model had seen what it predicts: by its dates, and by its skill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crypto_team.gates.imported.refit import refit
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.registry import Verdict, passed, refused, several, within
from crypto_team.gates.skill import part_skill
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clock import utc_text

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

DEVIATIONS = 5.0
SUSPICIOUS = 0.03


def trained_before(
    meta: EvidenceMeta, predictions: pd.DataFrame, imported: ImportedFacts, features: pd.DataFrame | None = None
) -> Verdict:
    """Judge the dates of every model and whether its test skill is that of rows it had seen."""
    problems = []
    for fold in meta.folds:
        begin = stamp(fold.test_start)
        late = imported.trained_at.get(fold.fold, max(stamp(fold.train_end), stamp(fold.inner_end)) - 1)
        test = milliseconds(
            predictions.loc[(predictions["fold"] == fold.fold) & (predictions["part"] == "test"), "time"]
        )
        before = int((test <= late).sum())
        if before:
            problems.append(
                f"fold {fold.fold}: the model had seen rows up to {utc_text(late)} and predicts {before} rows "
                f"before that (test begins {utc_text(begin)})"
            )
    problems += _too_good(meta, predictions)
    anew = None if features is None or problems else refit(meta, predictions, features)
    if anew is not None and anew.unattainable:
        problems.append(anew.words())
    if problems:
        return refused(several(problems), len(problems), evidence=within("predictions.parquet", problems))
    told = f"{len(meta.folds)} models predict only rows behind their training, no better than could be"
    again = f"; fitted anew, the stated features rank forward returns with {anew.anew:.3f}" if anew is not None else ""
    return passed(told + again, 0)


def _too_good(meta: EvidenceMeta, predictions: pd.DataFrame) -> list[str]:
    """Compare test skill with inner skill: much better out of sample than inside means that it was not outside."""
    inner, inner_rows = part_skill(predictions, meta, "inner", 31)
    test, rows = part_skill(predictions, meta, "test", 32)
    if not inner_rows or not rows or not np.isfinite([inner.estimate, test.estimate]).all():
        return []
    if not (np.isfinite(inner.draws).all() and np.isfinite(test.draws).all()):
        return []
    error = float(np.hypot(inner.draws.std(), test.draws.std()))
    if (
        test.estimate > max(inner.estimate, 0.0) * 1.5 + SUSPICIOUS
        and test.estimate - inner.estimate > DEVIATIONS * error
    ):
        return [
            (
                f"test skill {test.estimate:.3f} is far above inner skill {inner.estimate:.3f} (by more than "
                f"{DEVIATIONS:g} standard errors): the model had seen the test rows"
            )
        ]
    return []
