"""Small synthetic evidence sets, built to the contract of the evidence tables."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.reports.report_data import ReportData, TrialLedger, report_data
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.schemas.features import Feature, FeatureSet
from crypto_team.schemas.gate import CheckResult, GateReport, Outcome_
from crypto_team.schemas.ml_spec import Market, MlSpec, Signal, Target

DIGEST = "sha256:" + "a" * 64
FOLDS, TEST_BARS, INNER_BARS, TRAIN_BARS = 5, 24 * 30, 24 * 10, 24 * 120
NAMES = ["rsi_close_14", "ret_close_24", "zscore_volume_48", "ema_ratio_12_48"]
PAIRS = ["BTC/USDT", "ETH/USDT"]


@dataclass(frozen=True)
class Evidence:
    """What an evidence set holds, without models."""

    meta: EvidenceMeta
    tables: Any


def _utc(bar: int) -> str:
    return str(np.datetime64("2020-01-01T00:00:00", "s") + np.timedelta64(bar, "h")) + "Z"


def _times(start: int, bars: int) -> pd.DatetimeIndex:
    first = pd.Timestamp("2020-01-01", tz="UTC") + pd.Timedelta(hours=start)
    return pd.date_range(first, periods=bars, freq="h").as_unit("ms")


def _fold(number: int) -> FoldRange:
    start = TRAIN_BARS + number * TEST_BARS
    return FoldRange(
        fold=number,
        train_start=_utc(start - TRAIN_BARS),
        train_end=_utc(start - 24),
        inner_start=_utc(start - 24 - INNER_BARS),
        inner_end=_utc(start - 24),
        test_start=_utc(start),
        test_end=_utc(start + TEST_BARS),
        gap_bars=24,
        train_rows=TRAIN_BARS - 24,
        inner_rows=INNER_BARS,
        test_rows=TEST_BARS * len(PAIRS),
        selected=NAMES[: 3 + number % 2],
        model_file=f"fold_{number:02d}.json",
        model_hash=DIGEST,
    )


def _part(rng: np.random.Generator, close: np.ndarray, pair: str, fold: int, part: str, edge: float) -> pd.DataFrame:
    test = TRAIN_BARS + fold * TEST_BARS
    start, bars = (test, TEST_BARS) if part == "test" else (test - 24 - INNER_BARS, INNER_BARS)
    here = close[start : start + bars]
    ahead = close[start + 1 : start + bars + 1] / here - 1.0
    up = (ahead > 0).astype(float)
    raw = np.clip(0.5 + edge * (up - 0.5) + rng.normal(0, 0.12, bars), 0.02, 0.98)
    p = np.clip(0.5 + 0.7 * (raw - 0.5), 0.01, 0.99)
    position = (p >= 0.6).astype(float)
    test_part = part == "test"
    cost = np.abs(np.diff(position, prepend=0.0)) * 7e-4
    time = _times(start, bars)
    return pd.DataFrame(
        {
            "time": time,
            "pair": pair,
            "fold": np.int16(fold),
            "part": part,
            "label": up,
            "label_end": time + pd.Timedelta(hours=1),
            "forward_return": ahead,
            "p_raw_0": 1.0 - raw,
            "p_raw_1": raw,
            "p_0": 1.0 - p,
            "p_1": p,
            "signal": p,
            "position": position,
            "return_gross": position * ahead if test_part else np.nan,
            "return_net": position * ahead - cost if test_part else np.nan,
        }
    )


def _closes(rng: np.random.Generator) -> dict[str, np.ndarray]:
    bars = TRAIN_BARS + FOLDS * TEST_BARS + 1
    calm = np.where(np.arange(bars) // 400 % 3 == 0, 0.4, 1.0)
    return {pair: 100.0 * np.exp(np.cumsum(rng.normal(0, 0.006, bars) * calm)) for pair in PAIRS}


def _baselines(rng: np.random.Generator, predictions: pd.DataFrame) -> pd.DataFrame:
    market = predictions[predictions["part"] == "test"].groupby("time")["forward_return"].mean()
    frames = []
    for name in ("buy_and_hold", "random", "ma_cross", "previous_sign"):
        held = np.ones(len(market)) if name == "buy_and_hold" else rng.integers(0, 2, len(market)).astype(float)
        values = held * market.to_numpy() - (0.0 if name == "buy_and_hold" else 1e-4)
        frames.append(pd.DataFrame({"time": market.index, "name": name, "position_mean": held, "return_net": values}))
    return pd.concat(frames, ignore_index=True)


def build_evidence(*, seed: int = 7, edge: float = 0.06) -> Evidence:
    """Build two hourly pairs with five folds of thirty days; `edge` is how far probabilities lean to the truth."""
    rng = np.random.default_rng(seed)
    closes = _closes(rng)
    parts = [
        _part(rng, closes[pair], pair, fold, part, edge)
        for part in ("inner", "test")
        for pair in PAIRS
        for fold in range(FOLDS)
    ]
    predictions = pd.concat(parts, ignore_index=True)
    market = pd.concat(
        [pd.DataFrame({"time": _times(0, close.size), "pair": pair, "close": close}) for pair, close in closes.items()],
        ignore_index=True,
    )
    importances = [
        {"fold": fold, "feature": name, "kind": "gain", "value": share}
        for fold in range(FOLDS)
        for name, share in zip(NAMES, rng.dirichlet([8.0, 5.0, 3.0, 1.0]), strict=True)
        if name in NAMES[: 3 + fold % 2]
    ]
    noise = pd.DataFrame(
        {
            "fold": range(FOLDS),
            "repeat": 0,
            "signal_rank_correlation": rng.uniform(0.9, 0.99, FOLDS),
            "skill_base": 0.05,
            "skill_noisy": 0.045,
        }
    )
    tables = SimpleNamespace(
        predictions=predictions,
        market=market,
        importances=pd.DataFrame(importances),
        noise=noise,
        baselines=_baselines(rng, predictions),
    )
    return Evidence(_meta(seed), tables)


def _meta(seed: int) -> EvidenceMeta:
    return EvidenceMeta(
        strategy_id="STR-001",
        timeframe="1h",
        pairs=PAIRS,
        periods_per_year=8760.0,
        horizon_bars=1,
        gap_bars=24,
        cost_bps_per_side=7.0,
        target=_target(),
        signal=Signal(),
        model="lightgbm",
        hyperparameters={"n_estimators": 200, "learning_rate": 0.05},
        calibration="platt",
        window="rolling_120d",
        test="30d",
        step="30d",
        feature_names=NAMES,
        random_seed=seed,
        versions={"lightgbm": "4.6.0", "numpy": "2.4.6"},
        dataset_ids=["DS-001"],
        dataset_hashes=[DIGEST],
        data_hash=DIGEST,
        research_end="2021-01-01T00:00:00Z",
        declared_n_trials=3,
        folds=[_fold(number) for number in range(FOLDS)],
    )


def _target() -> Target:
    return Target(
        type="classification",
        kind="direction",
        definition="1h_forward_return > 0",
        horizon="1h",
        horizon_bars=1,
        classes=["down", "up"],
        class_balance=[0.49, 0.51],
    )


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return build_evidence()


@pytest.fixture(scope="session")
def trials() -> TrialLedger:
    ratios = np.random.default_rng(1).normal(0.0, 0.03, 40)
    return TrialLedger(n_trials=40, sharpe_per_period=tuple(float(value) for value in ratios))


@pytest.fixture(scope="session")
def data(evidence: Evidence, trials: TrialLedger) -> ReportData:
    return report_data(evidence.meta, evidence.tables, trials)


@pytest.fixture
def spec() -> MlSpec:
    return MlSpec(
        strategy_id="STR-001",
        strategy_name="momentum",
        hypothesis="Trends persist for hours because large orders are split.",
        market=Market(exchange="binance", pairs=PAIRS, timeframe="1h", datasets=["DS-001"]),
        target=_target(),
    )


@pytest.fixture
def features() -> FeatureSet:
    made = [
        Feature(
            name=name,
            category="price_action",
            formula="rsi(close, 14)",
            lookback=14 + place,
            leakage_safe=True,
            importance_rank=place + 1,
            rationale="Overbought markets pause.",
        )
        for place, name in enumerate(NAMES)
    ]
    return FeatureSet(strategy_id="STR-001", features=made)


def check(code: str, outcome: Outcome_, **changes: object) -> CheckResult:
    base = CheckResult(
        code=code,
        title=f"Check {code}",
        outcome=outcome,
        value=0.12,
        threshold=0.95,
        unit="",
        explanation="What was found.",
    )
    return base.model_copy(update=changes)


@pytest.fixture
def gate() -> GateReport:
    return GateReport(
        gate="data_collector -> backtester",
        strategy_id="STR-001",
        passed=False,
        profile="strict",
        policy_digest=DIGEST,
        results=[check("LK001", "passed"), check("OF010", "refused"), check("PF004", "not_enough_evidence")],
    )
