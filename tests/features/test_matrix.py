from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.features.matrix import build_matrix
from crypto_team.features.plan import compile_formulas
from crypto_team.schemas.features import Feature

if TYPE_CHECKING:
    from pathlib import Path

    from tests.features.conftest import Market

CODE = "def doubled(bars):\n    return bars['close'] * 2.0\n"


@pytest.fixture
def bars(market: Market) -> pd.DataFrame:
    times = pd.to_datetime(market.times, unit="ms", utc=True).astype("datetime64[ms, UTC]")
    return pd.DataFrame({"timestamp": times, **market.columns})


def _formula(name: str, formula: str) -> Feature:
    lookback = compile_formulas([formula]).lookback[0]
    return Feature(name=name, category="derived", formula=formula, lookback=lookback, leakage_safe=True)


def test_a_matrix_has_the_features_in_their_order(bars: pd.DataFrame, market: Market) -> None:
    features = [_formula("slow", "sma(close, 50)"), _formula("hour", "hour_sin()"), _formula("fast", "sma(close, 5)")]
    made = build_matrix(features, bars)
    assert made.names == ("slow", "hour", "fast")
    assert made.lookback == 49
    expected = compile_formulas([str(item.formula) for item in features]).compute(market.columns, market.times)
    assert np.array_equal(made.values, expected, equal_nan=True)


def test_python_features_stand_between_formulas(bars: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "own.py").write_text(CODE, encoding="utf-8")
    python = Feature(name="doubled", category="custom", python="code/own.py:doubled", lookback=3, leakage_safe=True)
    made = build_matrix([_formula("a", "close"), python, _formula("b", "lag(close, 1)")], bars, code_dir=tmp_path)
    assert made.names == ("a", "doubled", "b")
    assert made.lookback == 3
    assert np.isnan(made.values[:3, 1]).all()
    assert np.array_equal(made.values[3:, 1], (bars["close"].to_numpy()[3:] * 2.0).astype(np.float32))
    assert np.array_equal(made.values[1:, 2], made.values[:-1, 0])


def test_a_python_feature_without_its_code_is_an_input_error(bars: pd.DataFrame) -> None:
    python = Feature(name="doubled", category="custom", python="code/own.py:doubled", lookback=0, leakage_safe=True)
    with pytest.raises(InputError, match="doubled"):
        build_matrix([python], bars)


def test_no_features_give_an_empty_matrix(bars: pd.DataFrame) -> None:
    made = build_matrix([], bars)
    assert made.names == ()
    assert made.values.shape == (len(bars), 0)
    assert made.lookback == 0
