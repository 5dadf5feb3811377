from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crypto_team.freqtrade.export import class_name, render_strategy
from crypto_team.gates.linting import Linted, lint
from crypto_team.schemas import ModelManifest
from crypto_team.schemas.features import Feature
from crypto_team.schemas.ml_spec import Signal
from crypto_team.schemas.model import FoldModelFile, SeriesSource

from .bundles import make_spec

ROOT = Path(__file__).resolve().parents[2]


def manifest(lookback: int = 72) -> ModelManifest:
    fold = FoldModelFile(
        fold=0,
        file="fold_00.json",
        sha256="sha256:" + "0" * 64,
        test_start="2024-01-01T00:00:00Z",
        test_end="2024-02-01T00:00:00Z",
    )
    feature = Feature(
        name="z", category="statistical", formula="zscore(close, 72)", lookback=lookback, leakage_safe=True
    )
    return ModelManifest(
        strategy_id="STR-001",
        timeframe="1h",
        features=[feature],
        signal=Signal(),
        target_type="classification",
        folds=[fold],
        lookback_bars=lookback,
    )


SERIES = SeriesSource(kind="sentiment", source="fear_greed", path="alternative_me/DS-009-fear-greed.parquet")
BESIDE = {
    "nothing": {},
    "series": {"series": [SERIES]},
    "one pair": {"informative_pairs": ["ETH/USDT"]},
    "pairs": {"informative_pairs": ["ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT"], "series": [SERIES]},
}


@pytest.mark.parametrize("side", ["long_only", "long_short"])
@pytest.mark.parametrize("sizing", ["fixed", "confidence_weighted"])
@pytest.mark.parametrize("beside", BESIDE)
def test_exported_code_compiles_and_is_clean(side: str, sizing: str, beside: str, tmp_path: Path) -> None:
    spec = make_spec(["BTC/USDT"], signal={"side": side, "position_sizing": sizing})
    path = tmp_path / "ml_strategy_planted_alpha.py"
    text = render_strategy(spec, manifest().model_copy(update=BESIDE[beside]))
    assert ("informative_pairs" in text) == ("pair" in beside)
    path.write_text(text, encoding="utf-8")
    compile(path.read_text(encoding="utf-8"), str(path), "exec")
    config = ["--config", str(ROOT / "pyproject.toml")]
    assert lint(text) == Linted()
    for settings in (["check", *config], ["check", "--isolated"], ["format", "--check", "--diff", *config]):
        assert _complaints("ruff", *settings, str(path)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("beside", BESIDE)
def test_exported_code_is_typed(beside: str, tmp_path: Path) -> None:
    spec = make_spec(["BTC/USDT"], signal={"side": "long_short", "position_sizing": "confidence_weighted"})
    path = tmp_path / "ml_strategy_planted_alpha.py"
    path.write_text(render_strategy(spec, manifest().model_copy(update=BESIDE[beside])), encoding="utf-8")
    assert _complaints("mypy", "--config-file", str(ROOT / "pyproject.toml"), str(path)) == ""


def _complaints(tool: str, *arguments: str) -> str:
    """Run a checker in the repository and return what it says, nothing when it is content."""
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments], capture_output=True, check=False, text=True, cwd=ROOT
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_the_same_specification_gives_the_same_text() -> None:
    spec = make_spec(["BTC/USDT"])
    assert render_strategy(spec, manifest()) == render_strategy(spec, manifest())


def test_limits_of_the_specification_are_in_the_code() -> None:
    text = render_strategy(make_spec(["BTC/USDT"], risk={"stop_loss_fraction": 0.125}), manifest(72))
    assert "stoploss = -0.125" in text
    assert "startup_candle_count = 72" in text
    assert "can_short = False" in text


def test_a_look_back_that_no_exchange_serves_is_capped() -> None:
    text = render_strategy(make_spec(["BTC/USDT"]), manifest(50_000))
    assert "startup_candle_count = 50000" not in text


def test_the_class_is_named_after_the_strategy() -> None:
    assert class_name(make_spec(["BTC/USDT"])) == "PlantedAlpha"
