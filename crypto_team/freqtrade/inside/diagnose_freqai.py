# SPDX-License-Identifier: GPL-3.0-or-later
"""FreqAI's place during an audit: real features, and predictions that are a causal sum of them.

FreqAI trains on windows and leaves the last candles of a window unpredicted, so cutting candles changes honest models
too. Here features are computed as FreqAI does and shown as columns, and every target's prediction is a fixed sum of the
features of its own row: what looks ahead in a feature looks ahead in the signals, and a label may look ahead.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import IStrategy, merge_informative_pair

SETTINGS: Final[dict[str, Any]] = {
    "identifier": "audit",
    "train_period_days": 1,
    "backtest_period_days": 1,
    "feature_parameters": {
        "include_corr_pairlist": [],
        "label_period_candles": 24,
        "include_shifted_candles": 1,
        "indicator_periods_candles": [10, 20],
    },
    "data_split_parameters": {},
    "model_training_parameters": {},
}
_MARK: Final = "audited"
_MARKET = frozenset({"date", "open", "high", "low", "close", "volume"})


def wanted(strategy: Any) -> bool:
    """Tell whether the strategy defines targets of FreqAI."""
    return type(strategy).set_freqai_targets is not IStrategy.set_freqai_targets


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the user's settings of FreqAI with usual ones where there are none."""
    own = given.get("freqai", {})
    parameters = {**SETTINGS["feature_parameters"], **own.get("feature_parameters", {})}
    return {**SETTINGS, **own, "enabled": False, "feature_parameters": parameters}


class StandIn:
    """What `self.freqai` is during an audit."""

    def __init__(self, strategy: Any, config: dict[str, Any], timeframes: list[str]) -> None:
        self.strategy, self.config = strategy, config
        self.class_names: list[str] = []
        parameters = config["freqai"]["feature_parameters"]
        own = timeframe_to_seconds(strategy.timeframe)
        larger = [item for item in timeframes if timeframe_to_seconds(item) >= own]
        parameters.setdefault("include_timeframes", larger or [strategy.timeframe])
        self.parameters = parameters

    def shutdown(self) -> None:
        """End; there is nothing to end."""

    def start(self, dataframe: pd.DataFrame, metadata: dict[str, Any], strategy: Any) -> pd.DataFrame:
        """Return the frame with features and with a prediction in the place of every target."""
        made = self._features(dataframe, metadata)
        frame: pd.DataFrame = strategy.feature_engineering_standard(made, metadata=metadata)
        labelled = strategy.set_freqai_targets(frame.copy(), metadata=metadata)
        for name in labelled.columns:
            if "%" in str(name) and name not in frame:
                frame[name] = labelled[name]
        score = _score(frame)
        for name in [item for item in labelled.columns if str(item).startswith("&")]:
            self._predict(frame, str(name), labelled[name], score)
        frame["do_predict"], frame["DI_values"] = 1, 0.0
        return frame

    def _predict(self, frame: pd.DataFrame, name: str, label: pd.Series[Any], score: pd.Series[Any]) -> None:
        if pd.api.types.is_numeric_dtype(label):
            frame[name] = score
            frame[f"{name}_mean"], frame[f"{name}_std"] = 0.0, 0.5
            return
        # The names come from the code, not from these candles: a class may not occur in a shorter past.
        self.class_names = sorted(set(self.class_names) | {str(item) for item in label.dropna().unique()})
        share = 0.5 + 0.5 * score
        for place, kind in enumerate(self.class_names):
            frame[kind] = share if place == len(self.class_names) - 1 else (1.0 - share) / len(self.class_names)
        frame[name] = np.where(share > 0.5, self.class_names[-1], self.class_names[0])

    def _features(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        strategy, own = self.strategy, self.strategy.timeframe
        frame = dataframe
        for timeframe in self.parameters["include_timeframes"]:
            for pair in (metadata["pair"], *self.parameters["include_corr_pairlist"]):
                base = dataframe[[*_MARKET & set(dataframe.columns)]].copy()
                if timeframe != own or pair != metadata["pair"]:
                    base = strategy.dp.get_pair_dataframe(pair=pair, timeframe=timeframe)
                if base.empty:
                    continue
                made = self._expanded(base, {**metadata, "pair": pair, "tf": timeframe})
                made.columns = [f"{item}_{pair}_{timeframe}" if "%" in str(item) else item for item in made.columns]
                names = ["date", *(item for item in made.columns if "%" in str(item))]
                joined = merge_informative_pair(
                    frame, made[names], own, timeframe, append_timeframe=False, suffix=_MARK
                )
                joined = joined.drop(columns=[f"date_{_MARK}"])
                frame = joined.rename(columns={f"{name}_{_MARK}": name for name in names})
        return frame

    def _expanded(self, base: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        """Return features for every period, then the basic ones, then shifted copies of all."""
        made: pd.DataFrame = base
        strategy = self.strategy
        for period in self.parameters["indicator_periods_candles"]:
            more = strategy.feature_engineering_expand_all(base.copy(), period=period, metadata=metadata)
            for name in [item for item in more.columns if "%" in str(item)]:
                made = made.assign(**{f"{name}-{period}": more[name]})
        made = strategy.feature_engineering_expand_basic(made.copy(), metadata=metadata)
        features = [item for item in made.columns if "%" in str(item)]
        for count in range(1, int(self.parameters["include_shifted_candles"]) + 1):
            made = made.assign(**{f"{name}_shift-{count}": made[name].shift(count) for name in features})
        return made


def _score(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return a number between -1 and 1 that depends on every feature of its row, and on no other row's."""
    total = pd.Series(0.0, index=frame.index)
    names = sorted(str(item) for item in frame.columns if "%" in str(item))
    for place, name in enumerate(names, start=1):
        values = pd.to_numeric(frame[name], errors="coerce").fillna(0.0)
        # A large frequency lets a small change of any feature be seen, whatever its scale.
        total += np.sin(values * (1.0 + place) + place)
    return pd.Series(np.tanh(total.to_numpy()), index=frame.index)
