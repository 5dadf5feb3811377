from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.features.matrix import FeatureMatrix
from crypto_team.schemas.features import FeatureSelection
from crypto_team.schemas.ml_spec import Market, MlSpec, ModelSection, Target, Training
from crypto_team.validation.panel import build_panel, label_weights, panel_rows
from crypto_team.validation.settings import settings_from_spec

TARGET = Target(type="classification", kind="direction", definition="up in 3 bars", horizon="3h", horizon_bars=3)


def _bars(n: int = 50, *, seed: int = 0) -> pd.DataFrame:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, n)))
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    time = pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC", unit="ms")
    filled = np.arange(n) == 20
    return pd.DataFrame({"timestamp": time, **prices, "volume": 1.0, "filled": filled})


def _matrix(n: int = 50, *, names: tuple[str, ...] = ("a", "b")) -> FeatureMatrix:
    values = np.ones((n, len(names)), dtype=np.float32)
    values[:5] = np.nan
    return FeatureMatrix(names=names, values=values, lookback=5)


def _spec(**model: object) -> MlSpec:
    return MlSpec(
        strategy_id="STR-001",
        strategy_name="demo",
        market=Market(exchange="binance", pairs=["BTC/USDT"], timeframe="1h"),
        model=ModelSection(training=Training(window="expanding_30d", test="5d", step="5d", gap="12bars"), **model),  # type: ignore[arg-type]
        target=TARGET,
    )


def test_pairs_are_sorted_and_labels_look_exactly_one_horizon_ahead() -> None:
    bars = {"ETH/USDT": _bars(seed=1), "BTC/USDT": _bars(seed=2)}
    panel = build_panel(bars, dict.fromkeys(bars, _matrix()), TARGET, "1h")
    assert panel.pairs == ["BTC/USDT", "ETH/USDT"]
    close = bars["BTC/USDT"]["close"].to_numpy()
    assert panel.forward_return[7] == pytest.approx(close[10] / close[7] - 1.0)
    assert panel.label[7] == float(close[10] > close[7])
    assert panel.next_return[7] == pytest.approx(close[8] / close[7] - 1.0)
    assert (panel.label_end - panel.time == 3 * 3_600_000).all()
    assert np.isnan(panel.next_return[[49, 99]]).all()
    assert np.isnan(panel.label[47:50]).all()


def test_a_label_that_ends_in_a_halt_is_no_outcome_at_any_horizon() -> None:
    bars = _bars()  # bar 20 was not traded
    panel = build_panel({"BTC/USDT": bars}, {"BTC/USDT": _matrix()}, TARGET, "1h")
    assert np.flatnonzero(~panel.usable[5:47]).tolist() == [17 - 5, 20 - 5]
    several = TARGET.model_copy(update={"horizon_set": [1, 8]})
    panel = build_panel({"BTC/USDT": bars}, {"BTC/USDT": _matrix()}, several, "1h")
    assert (np.flatnonzero(~panel.usable[5:47]) + 5).tolist() == [12, 17, 19, 20]


def test_a_set_of_horizons_is_labelled_at_once_and_purged_by_its_longest() -> None:
    target = TARGET.model_copy(update={"horizon_set": [1, 8]})
    bars = _bars()
    panel = build_panel({"BTC/USDT": bars}, {"BTC/USDT": _matrix()}, target, "1h")
    close = bars["close"].to_numpy()
    assert panel.ahead is not None
    assert panel.ahead[7].tolist() == pytest.approx([close[7 + h] / close[7] - 1.0 for h in (3, 1, 8)])
    samples = panel.samples(np.array([7]), [0])
    assert samples.horizons == panel.horizons == (3, 1, 8)
    assert np.array_equal(samples.ahead[samples.rows[0]], panel.ahead[7])
    assert (panel.label_end - panel.time == 8 * 3_600_000).all()
    assert (panel.known_at - panel.time == 3 * 3_600_000).all()
    spec = _spec().model_copy(update={"target": target})
    assert settings_from_spec(spec, FeatureSelection()).geometry.horizon_bars == 8


def test_weights_of_a_fold_count_its_own_labels_only() -> None:
    panel = build_panel({"BTC/USDT": _bars()}, {"BTC/USDT": _matrix()}, TARGET, "1h")
    rows = np.arange(6, 16)
    weights = label_weights(panel, rows)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0] == pytest.approx(weights.max())
    assert weights[-1] == pytest.approx(weights.max())
    assert weights[4] == pytest.approx(weights.min())
    assert weights[0] > 1.5 * weights[4]


def test_rows_in_the_look_back_without_a_label_or_without_a_trade_are_not_usable() -> None:
    panel = build_panel({"BTC/USDT": _bars()}, {"BTC/USDT": _matrix()}, TARGET, "1h")
    assert np.flatnonzero(~panel.usable).tolist() == [0, 1, 2, 3, 4, 17, 20, 47, 48, 49]


def test_rows_of_a_predictions_table_are_found_by_pair_and_time() -> None:
    bars = {"ETH/USDT": _bars(), "BTC/USDT": _bars()}
    panel = build_panel(bars, dict.fromkeys(bars, _matrix()), TARGET, "1h")
    asked = pd.DataFrame({"pair": ["ETH/USDT", "BTC/USDT"], "time": bars["ETH/USDT"]["timestamp"].iloc[[4, 9]]})
    assert panel_rows(panel, asked).tolist() == [54, 9]


def test_features_of_other_bars_are_refused() -> None:
    with pytest.raises(InputError, match="BTC/USDT: features do not belong to the bars"):
        build_panel({"BTC/USDT": _bars(50)}, {"BTC/USDT": _matrix(49)}, TARGET, "1h")


def test_durations_of_a_specification_become_bars() -> None:
    settings = settings_from_spec(_spec(), FeatureSelection(max_features=12))
    geometry = settings.geometry
    assert (geometry.window_bars, geometry.test_bars, geometry.gap_bars, geometry.expanding) == (720, 120, 12, True)
    assert (settings.n_classes, settings.max_features, settings.trading.cost_bps_per_side) == (2, 12, 7.0)


def test_an_undefined_target_names_the_tool_that_defines_it() -> None:
    spec = _spec().model_copy(update={"target": None})
    with pytest.raises(InputError, match="define-target"):
        settings_from_spec(spec, FeatureSelection())


def test_a_classifier_cannot_predict_a_return() -> None:
    target = Target(type="regression", kind="return", definition="return", horizon="3h", horizon_bars=3)
    spec = _spec(primary="logistic").model_copy(update={"target": target})
    with pytest.raises(UsageError, match="logistic predicts classes"):
        settings_from_spec(spec, FeatureSelection())


def test_an_unknown_hyperparameter_of_a_specification_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean num_leaves"):
        settings_from_spec(_spec(hyperparameters={"numleaves": 7}), FeatureSelection())


def test_a_block_takes_rows_and_columns() -> None:
    panel = build_panel({"BTC/USDT": _bars()}, {"BTC/USDT": _matrix()}, TARGET, "1h")
    numbered = replace(panel, features=np.arange(100, dtype=np.float32).reshape(50, 2))
    assert numbered.block(np.array([3, 1]), [1]).tolist() == [[7.0], [3.0]]


@pytest.mark.parametrize("calibration", ["platt", "ordered_platt", "isotonic", "beta", "temperature"])
def test_a_free_calibration_of_the_first_model_is_not_put_on_a_refitted_one(calibration: str) -> None:
    spec = _spec()
    chosen = spec.model.model_copy(update={"refit": True, "calibration": calibration})
    with pytest.raises(UsageError, match="does not hold for one that is fitted again"):
        settings_from_spec(spec.model_copy(update={"model": chosen}), FeatureSelection())
    once = spec.model_copy(update={"model": chosen.model_copy(update={"refit": False})})
    assert settings_from_spec(once, FeatureSelection()).calibration == calibration


def test_a_learner_that_goes_on_learning_is_not_refitted() -> None:
    spec = _spec()
    refitted = spec.model.model_copy(update={"refit": True})
    assert settings_from_spec(spec.model_copy(update={"model": refitted}), FeatureSelection()).refit
    online = spec.model_copy(update={"model": refitted.model_copy(update={"primary": "online_linear"})})
    with pytest.raises(UsageError, match="calibration tail already"):
        settings_from_spec(online, FeatureSelection())
