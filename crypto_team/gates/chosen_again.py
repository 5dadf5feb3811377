"""Select the features of one fold again, from its training rows alone, and compare with what the fold says it kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.recompute import milliseconds
from crypto_team.models.bins import find_bins
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.validation.fitted import filled, fit_all
from crypto_team.validation.fold_rows import history_of
from crypto_team.validation.fold_selection import chosen
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import settings_from_spec

OTHERS, OTHERS_BY_NETWORKS = 0.1, 0.5


def training_rows(rows: pd.DataFrame, panel: Panel) -> npt.NDArray[np.bool_]:
    """Return which rows of a panel lie where the recorded fits of a fold say that they were made."""
    begin, end = milliseconds(rows["fitted_from"]).min(), milliseconds(rows["fitted_to"]).max()
    return np.asarray(panel.usable & (panel.time >= begin) & (panel.time <= end))


def drawn(meta: EvidenceMeta) -> int:
    """Return which of the folds is looked at, from the hashes of all: nobody chooses it, everybody finds the same."""
    text = "".join(fold.model_hash for fold in meta.folds)
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % len(meta.folds)


def selected_again(
    meta: EvidenceMeta, spec: MlSpec, features: FeatureSet, preprocessing: pd.DataFrame, panel: Panel
) -> list[str]:
    """Run the stages of selection of one fold again and say what came out otherwise.

    Parameters
    ----------
    meta, spec, features
        Of the evidence and its design; a design that changed since is another check's matter (PR004).
    preprocessing
        Stored selection of all folds.
    panel
        All bars, fitted features not filled in.

    Returns
    -------
    list of str
        Empty where at most a tenth of the kept features are others: machines round differently, and where two features
        count nearly alike that may exchange them. Networks may have been trained on another device, in fewer bits; half
        of what they keep may be others.
    """
    stored = preprocessing[preprocessing["stage"] == "selection"]
    first, at = meta.folds[0].fold, meta.folds[drawn(meta)].fold
    settings = replace(
        settings_from_spec(spec, features.feature_selection),
        model=meta.model,
        hyperparameters=meta.hyperparameters,
        n_classes=meta.target.n_classes,
        seed=meta.random_seed,
    )
    if settings.hyperparameters.get("shared_bins", False):
        earliest = training_rows(stored[stored["fold"] == first], panel)
        panel = replace(panel, bins=find_bins(panel.features[earliest], int(settings.hyperparameters["max_bin"])))
    own = stored[stored["fold"] == at]
    rows = np.flatnonzero(training_rows(own, panel)).astype(np.int64)
    panel = filled(panel, fit_all(panel, rows), panel.with_history(rows, history_of(settings)))
    found = {panel.names[column] for column in chosen(panel, rows, settings).kept}
    told = {str(name) for name, stays in zip(own["feature"], own["kept"], strict=True) if stays}
    others = sorted(found ^ told)
    share = OTHERS_BY_NETWORKS if history_of(settings) else OTHERS
    if len(found - told) <= share * len(found) and len(told - found) <= share * len(told):
        return []
    return [f"fold {at}: its training rows select {len(found)} features, {', '.join(others[:6])} otherwise than stored"]
