from __future__ import annotations

from pathlib import Path

from crypto_team.schemas.features import Feature, FeatureSet
from crypto_team.schemas.ml_spec import Market, MlSpec
from crypto_team.validation.trained_with import NOT_TRAINED_WITH, trained_with

SPEC = MlSpec(
    strategy_id="STR-001",
    strategy_name="any",
    market=Market(exchange="binance", pairs=["BTC/USDT"], timeframe="1h"),
)


def test_the_code_of_a_python_feature_counts(tmp_path: Path) -> None:
    feature = Feature(name="mine", category="custom", python="code/mine.py:mine", lookback=3, leakage_safe=True)
    features = FeatureSet(strategy_id="STR-001", features=[feature])
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("one")
    before = trained_with(SPEC, features, tmp_path)
    (tmp_path / "code" / "mine.py").write_text("two")
    after = trained_with(SPEC, features, tmp_path)
    assert {place for place in before if before[place] != after[place]} == {"code/mine.py"}


def test_every_field_of_the_specification_counts_unless_it_is_listed() -> None:
    places = set(trained_with(SPEC, FeatureSet(strategy_id="STR-001")))
    for name in MlSpec.model_fields:
        listed = name in NOT_TRAINED_WITH
        assert listed != any(place == name or place.startswith(f"{name}.") for place in places), name
