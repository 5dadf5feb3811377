"""One honest strategy on a market with a planted edge, made by the real pipeline, that tests then break."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.frame import content_hash, regularise
from crypto_team.features.matrix import build_matrix
from crypto_team.features.plan import compile_formulas
from crypto_team.gates import registry
from crypto_team.gates.case import Case, LedgerView, Memory, ReplayResult
from crypto_team.gates.importance import mean_shares
from crypto_team.models.registry import resolve
from crypto_team.schemas.data import Dataset
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import Feature, FeatureSet
from crypto_team.schemas.holdout import HoldoutLook
from crypto_team.schemas.ml_spec import (
    Costs,
    FeatureSummary,
    Market,
    MlSpec,
    ModelName,
    ModelSection,
    Reproducibility,
    Signal,
    Target,
    TopFeature,
    Training,
)
from crypto_team.schemas.registry import RegistryEntry
from crypto_team.schemas.report import SECTIONS
from crypto_team.schemas.reviews import Backtest, CriticReview, LookaheadFinding, RiskAssessment
from crypto_team.validation.evidence_tables import features_sample, market_table
from crypto_team.validation.metrics import out_of_sample
from crypto_team.validation.panel import build_panel
from crypto_team.validation.settings import settings_from_spec
from crypto_team.validation.trained_with import trained_with
from crypto_team.validation.trial_returns import daily_series, side_by_side
from crypto_team.validation.walk_forward import WalkForwardResult, run

PAIRS = ("BTC/USDT", "ETH/USDT")
BARS, HORIZON, LAGS = 4200, 4, 8
FORMULAS = tuple(f"lag(log(volume), {k})" if k else "log(volume)" for k in range(LAGS))
TIME = "2023-01-01T00:00:00Z"


@pytest.fixture(scope="session", autouse=True)
def _verdicts_follow_from_their_numbers() -> Iterator[None]:
    """Hold every result of every test of gates to this: it passed exactly where the rule holds for its own numbers."""
    made = registry._result

    def watched(rule: Any, verdict: Any, settings: Any, case: Any) -> Any:
        result = made(rule, verdict, settings, case)
        holds = rule.holds(settings, result.value, result.numbers)
        assert holds is (result.outcome == "passed"), (result, rule.condition)
        return result

    registry._result = watched
    yield
    registry._result = made


def planted_bars(seed: int, strength: float) -> pd.DataFrame:
    """Hourly candles whose next return leans on the sum of the last eight log volumes."""
    rng = np.random.default_rng(seed)
    v, noise = rng.standard_normal(BARS), rng.standard_normal(BARS)
    lean = np.convolve(v, np.ones(LAGS))[:BARS] / np.sqrt(LAGS)
    returns = 0.006 * noise
    returns[1:] += 0.006 * strength * lean[:-1]
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(TIME, periods=BARS, freq="1h").as_unit("ms"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": 1e6 * np.exp(0.3 * v),
        }
    )


def _features() -> FeatureSet:
    found = [
        Feature(
            name=f"volume_{k}",
            category="volume",
            formula=text,
            lookback=max(compile_formulas([text]).lookback),
            leakage_safe=True,
        )
        for k, text in enumerate(FORMULAS)
    ]
    return FeatureSet(strategy_id="STR-001", features=found)


DIRECTION = Target(type="classification", kind="direction", definition="up", horizon="4bars", horizon_bars=HORIZON)
RETURN = Target(type="regression", kind="return", definition="bps", horizon="4bars", horizon_bars=HORIZON)


def _spec(target: Target, model: ModelName, hyperparameters: dict[str, str]) -> MlSpec:
    return MlSpec(
        strategy_id="STR-001",
        strategy_name="volume_lean",
        market=Market(exchange="binance", pairs=list(PAIRS), timeframe="1h"),
        model=ModelSection(
            primary=model,
            hyperparameters=dict(hyperparameters),
            training=Training(window="rolling_40d", test="15d", step="15d", gap="1bars"),
        ),
        target=target,
        signal=Signal(entry_threshold=0.53, exit_threshold=0.5, side="long_short"),
        costs=Costs(fee_bps=0.5, slippage_bps=0.5),
    )


def _datasets(bars: dict[str, pd.DataFrame]) -> dict[str, Dataset]:
    return {
        f"DS-00{number}": Dataset(
            dataset_id=f"DS-00{number}",
            exchange="binance",
            pair=pair,
            timeframe="1h",
            trading_mode="spot",
            path="x.parquet",
            content_hash=content_hash(frame),
            rows=len(frame),
            first=TIME,
            last=TIME,
            source="test",
            registered=TIME,
        )
        for number, (pair, frame) in enumerate(bars.items(), start=1)
    }


def _meta(
    spec: MlSpec, features: FeatureSet, result: WalkForwardResult, datasets: dict[str, Dataset], names: list[str]
) -> EvidenceMeta:
    assert spec.target is not None
    return EvidenceMeta(
        strategy_id=spec.strategy_id,
        timeframe="1h",
        pairs=list(PAIRS),
        periods_per_year=8760.0,
        horizon_bars=HORIZON,
        gap_bars=HORIZON,
        cost_bps_per_side=spec.costs.fee_bps + spec.costs.slippage_bps,
        target=spec.target,
        signal=spec.signal,
        model=spec.model.primary,
        hyperparameters=resolve(spec.model.primary, spec.model.hyperparameters),
        calibration=spec.model.calibration,
        window=spec.model.training.window,
        test=spec.model.training.test,
        step=spec.model.training.step,
        feature_names=names,
        trained_with=trained_with(spec, features),
        random_seed=spec.reproducibility.random_seed,
        versions={"numpy": np.__version__},
        dataset_ids=list(datasets),
        dataset_hashes=[each.content_hash for each in datasets.values()],
        data_hash="sha256:" + hashlib.sha256(b"data").hexdigest(),
        declared_n_trials=1,
        folds=result.folds,
    )


def build_case(
    folder: Path,
    strength: float,
    seed: int = 5,
    *,
    target: Target = DIRECTION,
    model: ModelName = "logistic",
    hyperparameters: dict[str, str] | None = None,
) -> Case:
    """Run the real pipeline over planted candles and put everything a gate reads beside it."""
    bars = {pair: planted_bars(seed + number, strength) for number, pair in enumerate(PAIRS)}
    regular = {pair: regularise(frame, "1h") for pair, frame in bars.items()}
    spec, features = _spec(target, model, hyperparameters or {}), _features()
    assert spec.target is not None
    matrices = {pair: build_matrix(features.features, frame) for pair, frame in regular.items()}
    panel = build_panel(regular, matrices, spec.target, "1h")
    result = run(panel, settings_from_spec(spec, features.feature_selection))
    for name, data in result.models.items():
        (folder / name).write_bytes(data)
    datasets = _datasets(bars)
    meta = _meta(spec, features, result, datasets, list(panel.names))
    shares = mean_shares(result.importances)
    spec = spec.model_copy(
        update={
            "out_of_sample": out_of_sample(result.predictions),
            "features": FeatureSummary(
                top_features=[TopFeature(name=str(k), importance=float(v)) for k, v in shares.items()]
            ),
            "reproducibility": Reproducibility(data_hash=meta.data_hash, library_versions=meta.versions),
        }
    )
    return Case(
        strategy_id="STR-001",
        spec=spec,
        features=features,
        meta=meta,
        predictions=result.predictions,
        market=market_table(regular),
        features_sample=features_sample(panel, result),
        importances=result.importances,
        preprocessing=result.preprocessing,
        noise=result.noise,
        skill=result.skill,
        baselines=result.baselines,
        simple=result.simple,
        trial_returns=side_by_side(daily_series(result.predictions), []),
        seeds=pd.DataFrame({"seed": [7], "score": [2.0], "chosen": [True]}),
        memory=Memory(learned=1),
        datasets=datasets,
        dataset_hashes={name: each.content_hash for name, each in datasets.items()},
        bars=bars,
        ledger=LedgerView(n_trials=3, sharpes=(0.02, 0.05, 0.1), chain_ok=True),
        model_dir=folder,
        strategy_code=f"class S:\n    startup_candle_count = {LAGS + 20}\n",
        document_findings=[],
        replay=ReplayResult(equal=True),
        report_text="\n".join(f"## {name}\n\nwords\n" for name in SECTIONS),
        **_reviews(spec),
    )


def _reviews(spec: MlSpec) -> dict[str, object]:
    digest = "sha256:" + "0" * 64
    rng = np.random.default_rng(1)
    profit = rng.normal(2.0, 5.0, 150)
    at_risk = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    return {
        "backtest": Backtest(
            backtest_id="BT-001",
            strategy_id="STR-001",
            freqtrade_version="2026.9",
            code_hash=digest,
            data_hash=digest,
            start=TIME,
            end=TIME,
            metrics={},
            signal_agreement=1.0,
            candles_compared=2000,
            open_trades_left=0,
            files={},
            lookahead=LookaheadFinding(
                has_bias=False,
                total_signals=20,
                biased_entry_signals=0,
                biased_exit_signals=0,
                biased_indicators=[],
                verdict="clean",
            ),
            created=TIME,
        ),
        "backtest_trades": pd.DataFrame({"profit_abs": profit}),
        "backtest_equity": pd.DataFrame({"equity": 1000.0 + np.concatenate([[0.0], np.cumsum(profit)])}),
        "risk": RiskAssessment(
            strategy_id="STR-001",
            evidence_hash=digest,
            risk_per_trade=at_risk,
            portfolio_heat=at_risk,
            position_fraction=spec.risk.position_fraction,
            kelly_fraction=0.2,
            drawdown_p95=-0.1,
            breakers=[0.1, 0.15, 0.2, 0.25],
            verdict="approved",
            assessed=TIME,
        ),
        "registry": RegistryEntry(
            strategy_id="STR-001",
            name="planted",
            type="ml_based",
            stage="risk_manager",
            status="approved",
            created=TIME,
            updated=TIME,
        ),
        "holdout": HoldoutLook(
            look_id="01K00000000000000000000000",
            strategy_id="STR-001",
            looked=TIME,
            evidence_hash=digest,
            model_hash=digest,
            datasets=["DS-001"],
            data_hashes=[digest],
            first=TIME,
            last=TIME,
            bars=1_000,
            answer="exact",
            rank_ic=0.12,
            rank_ic_error=0.03,
            sharpe=2.0,
            oos_rank_ic=0.12,
            looks_before=0,
            budget=20,
        ),
        "critic": CriticReview(
            strategy_id="STR-001",
            evidence_hash=digest,
            replay_matches=True,
            metrics={},
            objections=[],
            verdict="no_blocking_objection",
            reviewed=TIME,
        ),
    }


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return build_case(tmp_path_factory.mktemp("honest"), strength=0.12)


@pytest.fixture(scope="session")
def honest_regression(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return build_case(tmp_path_factory.mktemp("regression"), strength=0.12, target=RETURN, model="ridge")


@pytest.fixture(scope="session")
def honest_horizons(tmp_path_factory: pytest.TempPathFactory) -> Case:
    several = RETURN.model_copy(update={"horizon_set": [2, 8]})
    folder = tmp_path_factory.mktemp("horizons")
    return build_case(folder, strength=0.12, target=several, model="horizons", hyperparameters={"member": "ridge"})


@pytest.fixture(scope="session")
def noise_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return build_case(tmp_path_factory.mktemp("noise"), strength=0.0)


@pytest.fixture(scope="session")
def case_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float, int], Case]:
    return lambda strength, seed: build_case(tmp_path_factory.mktemp("case"), strength, seed)
