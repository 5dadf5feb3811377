# SPDX-License-Identifier: GPL-3.0-or-later
"""FreqAI's own LightGBMClassifier on windows that it is handed: its classes fit and predict, nothing is copied.

Settings are those of FreqAI's documentation: 100 trees, LightGBM's defaults beside, the last quarter of each window
held out, no outlier removal, no recency weights; labels are the words "up" and "down".
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
PAIR, TREES, HELD_OUT = "X/USDT", 100, 0.25


@contextmanager
def learner(trees: int = TREES) -> Iterator[tuple[Any, Any]]:
    """Give FreqAI's classifier and its data kitchen in a scratch folder."""
    from freqtrade.freqai.data_kitchen import FreqaiDataKitchen
    from freqtrade.freqai.prediction_models.LightGBMClassifier import LightGBMClassifier

    for name in ("freqtrade", "datasieve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config: dict[str, Any] = {
            "user_data_dir": Path(folder), "timeframe": "1h", "runmode": "backtest", "stake_currency": "USDT",
            "exchange": {"name": "binance", "pair_whitelist": [PAIR]}, "pairs": [PAIR],
            "freqai": {
                "enabled": True, "identifier": "alpha", "train_period_days": 365, "backtest_period_days": 91,
                "activate_tensorboard": False, "save_backtest_models": False, "data_kitchen_thread_count": 1,
                "feature_parameters": {
                    "include_timeframes": ["1h"], "include_corr_pairlist": [], "weight_factor": 0,
                    "shuffle_after_split": False, "label_period_candles": 24,
                },
                "data_split_parameters": {"test_size": HELD_OUT, "shuffle": False},
                "model_training_parameters": {"n_estimators": trees, "n_jobs": 1, "verbosity": -1},
            },
        }  # fmt: skip
        kitchen = FreqaiDataKitchen(config, live=True, pair=PAIR)
        yield LightGBMClassifier(config=config), kitchen


def fit_and_predict(
    model: Any, kitchen: Any, train: tuple[npt.NDArray[np.float32], Floats, Floats], test: npt.NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Train on one window and return P(up) of the test rows, and of the rows that FreqAI held out of the window.

    Parameters
    ----------
    model, kitchen
        From :func:`learner`.
    train
        Features (n, k), labels in {0, 1} (n,) and times in milliseconds (n,).
    test
        Features (m, k).
    """
    values, label, time = train
    names = [f"%-{number}" for number in range(values.shape[1])]
    frame = pd.DataFrame(values, columns=names)
    frame["&-direction"] = np.where(label > 0.5, "up", "down")
    frame["date"] = pd.to_datetime(time, unit="ms", utc=True)
    kitchen.find_features(frame)
    kitchen.find_labels(frame)
    model.model = model.train(frame, PAIR, kitchen)
    told, _ = model.predict(pd.DataFrame(test, columns=names), kitchen)
    held = model.model.predict_proba(kitchen.feature_pipeline.transform(_held_out(frame, names))[0])
    return told["up"].to_numpy(dtype=np.float64), np.asarray(held[:, list(model.model.classes_).index("up")])


def _held_out(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    known = frame[names].dropna()
    return known.tail(int(np.ceil(HELD_OUT * len(known)))).reset_index(drop=True)
