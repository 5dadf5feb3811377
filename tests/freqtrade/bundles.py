"""A trained strategy on disk, made through the same functions that the tools call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crypto_team.data.frame import regularise
from crypto_team.data.synthetic import planted_market
from crypto_team.data.ticks import price_decimals
from crypto_team.features.matrix import build_matrix
from crypto_team.features.plan import compile_formulas
from crypto_team.freqtrade.export import class_name, render_strategy
from crypto_team.freqtrade.job import BacktestRequest
from crypto_team.kb.yaml import dump
from crypto_team.schemas import MlSpec, ModelManifest
from crypto_team.schemas.features import Feature, FeatureSelection
from crypto_team.schemas.model import FoldModelFile
from crypto_team.validation import walk_forward
from crypto_team.validation.panel import build_panel
from crypto_team.validation.settings import settings_from_spec
from crypto_team.validation.walk_forward import WalkForwardResult

FORMULAS = {
    "z": "zscore(close, 72)",
    "trend": "roc(close, 168)",
    "rsi": "rsi(close, 14)",
    "macd": "macd(close)",
    "range_share": "natr(14)",
}
PYTHON_FEATURE = "def swing(bars):\n    return bars['close'] / bars['close'].rolling(12).mean() - 1.0\n"


@dataclass(frozen=True)
class Trained:
    """A strategy folder with code and models, and what it was trained on."""

    folder: Path
    spec: MlSpec
    manifest: ModelManifest
    bars: dict[str, pd.DataFrame]
    result: WalkForwardResult
    decimals: dict[str, int]

    def request(self, **changed: Any) -> BacktestRequest:
        market = self.spec.market
        settings: dict[str, Any] = {
            "strategy_path": self.folder / "code" / f"ml_strategy_{self.spec.strategy_name}.py",
            "class_name": class_name(self.spec),
            "pairs": tuple(market.pairs),
            "exchange": market.exchange,
            "timeframe": market.timeframe,
            "trading_mode": market.trading_mode,
            "bars": self.bars,
            "funding": {},
            "price_decimals": self.decimals,
            "fee_rate": 0.0007,
            "position_fraction": 0.1,
            "wallet": 10_000.0,
            "max_open_trades": len(market.pairs),
            "start": self.manifest.folds[0].test_start,
            "end": self.manifest.folds[-1].test_end,
            "timeout_seconds": 300.0,
        }
        return BacktestRequest(**(settings | changed))


def make_spec(pairs: list[str], **changed: Any) -> MlSpec:
    document: dict[str, Any] = {
        "strategy_id": "STR-001",
        "strategy_name": "planted_alpha",
        "market": {"exchange": "binance", "pairs": pairs, "timeframe": "1h"},
        "model": {
            "primary": "lightgbm",
            "hyperparameters": {"n_estimators": 40},
            "training": {"window": "rolling_60d", "test": "20d", "step": "20d"},
        },
        "target": {
            "type": "classification",
            "kind": "direction",
            "definition": "close is higher",
            "horizon": "4bars",
            "horizon_bars": 4,
            "classes": ["down", "up"],
        },
        "signal": {"entry_threshold": 0.53, "exit_threshold": 0.5},
    }
    return MlSpec.model_validate(document | changed)


def train(folder: Path, spec: MlSpec, *, python: bool = False, late: int = 0) -> Trained:
    """Train on planted markets and write the folder as the tools do; later pairs begin `late` bars later each."""
    found = {}
    for number, pair in enumerate(spec.market.pairs):
        market = planted_market(seed=number, bars=200 * 24, oracle_sharpe=6.0)
        found[pair] = market.frame.iloc[number * late :].reset_index(drop=True)
    # A hole in the candles, as every exchange has some.
    bars = {pair: regularise(frame.drop(index=range(3000, 3004)), "1h") for pair, frame in found.items()}
    features = _features(folder, python=python)
    matrices = {pair: build_matrix(features, frame, code_dir=folder) for pair, frame in bars.items()}
    assert spec.target is not None
    panel = build_panel(bars, matrices, spec.target, "1h")
    result = walk_forward.run(panel, settings_from_spec(spec, FeatureSelection()))
    manifest = ModelManifest(
        strategy_id=spec.strategy_id,
        timeframe="1h",
        features=features,
        signal=spec.signal,
        target_type=spec.target.type,
        folds=[
            FoldModelFile(
                fold=fold.fold,
                file=fold.model_file.rsplit("/", maxsplit=1)[-1],
                sha256=fold.model_hash,
                test_start=fold.test_start,
                test_end=fold.test_end,
            )
            for fold in result.folds
        ],
        lookback_bars=max(item.lookback for item in features),
        python_code="sha256:" + hashlib.sha256(PYTHON_FEATURE.encode()).hexdigest() if python else None,
    )
    (folder / "model").mkdir(parents=True)
    for name, content in result.models.items():
        (folder / "model" / name.rsplit("/", maxsplit=1)[-1]).write_bytes(content)
    (folder / "model" / "manifest.yaml").write_text(dump(manifest), encoding="utf-8")
    (folder / "code").mkdir(exist_ok=True)
    code = folder / "code" / f"ml_strategy_{spec.strategy_name}.py"
    code.write_text(render_strategy(spec, manifest), encoding="utf-8")
    decimals = {pair: price_decimals(frame) for pair, frame in bars.items()}
    return Trained(folder, spec, manifest, bars, result, decimals)


def _features(folder: Path, *, python: bool) -> list[Feature]:
    lookbacks = compile_formulas(list(FORMULAS.values())).lookback
    made = [
        Feature(name=name, category="statistical", formula=text, lookback=lookback, leakage_safe=True)
        for (name, text), lookback in zip(FORMULAS.items(), lookbacks, strict=True)
    ]
    if python:
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "features.py").write_text(PYTHON_FEATURE, encoding="utf-8")
        reference = "code/features.py:swing"
        made.append(Feature(name="swing", category="custom", python=reference, lookback=11, leakage_safe=True))
    return made
