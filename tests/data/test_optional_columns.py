from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.frame import canonical, content_hash, regularise
from crypto_team.data.optional_columns import contradictions
from crypto_team.data.quality import assess
from crypto_team.errors import InputError
from crypto_team.features.matrix import bar_frame
from crypto_team.features.online import OnlineFeatures
from crypto_team.features.plan import compile_formulas
from crypto_team.gates.data import quality_acceptable
from crypto_team.gates.registry import find
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import Feature, FeatureSet

MakeBars = Callable[..., pd.DataFrame]


def feature(formula: str) -> Feature:
    return Feature(name="f", category="volume", formula=formula, lookback=0, leakage_safe=True)


def read(frame: pd.DataFrame, *, repair: bool = False) -> pd.DataFrame:
    return canonical(frame, timeframe="1h", where="bars.csv", repair=repair)


@pytest.fixture
def kraken(make_bars: MakeBars) -> pd.DataFrame:
    frame = make_bars(200).copy()
    frame["Trades"] = np.arange(200) + 1
    frame["VWAP"] = 0.5 * (frame["high"] + frame["low"])
    frame.loc[7, ["volume", "Trades", "VWAP"]] = 0.0
    return frame


def test_columns_that_only_some_sources_have_are_kept_under_their_names(kraken: pd.DataFrame) -> None:
    found = read(kraken)
    assert list(found.columns) == ["timestamp", "open", "high", "low", "close", "volume", "trades", "vwap"]
    assert found["trades"].dtype == found["vwap"].dtype == np.float64
    assert found["vwap"].iloc[8] == kraken["VWAP"].iloc[8]


def test_the_average_price_of_a_bar_without_trades_is_its_close(kraken: pd.DataFrame) -> None:
    found = read(kraken)
    assert found["vwap"].iloc[7] == found["close"].iloc[7]


def test_candles_without_them_keep_their_hash_and_with_them_each_value_counts(
    make_bars: MakeBars, kraken: pd.DataFrame
) -> None:
    plain = read(make_bars(200))
    assert content_hash(plain) == ("sha256:18304ed8365f593fb6e3a31b83cac7fcf09c66c85cee1626199eca50611505fd")
    more = read(kraken.assign(volume=plain["volume"], VWAP=kraken["close"]))
    assert content_hash(more) != content_hash(plain)
    assert content_hash(more.assign(vwap=more["vwap"] * 1.001)) != content_hash(more)
    assert content_hash(more.assign(trades=more["trades"] + 1.0)) != content_hash(more)
    assert content_hash(more.drop(columns=["vwap", "trades"])) == content_hash(plain)


def test_filled_bars_have_no_trades_and_the_last_close_as_average(kraken: pd.DataFrame) -> None:
    found = regularise(read(kraken).drop(index=[20, 21]).reset_index(drop=True), "1h")
    assert found["trades"].iloc[20:22].tolist() == [0.0, 0.0]
    assert found["vwap"].iloc[20:22].tolist() == [found["close"].iloc[19]] * 2
    assert found["trades"].iloc[22] == kraken["Trades"].iloc[22]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("VWAP", 0.0, "a vwap of zero in a bar with volume"),
        ("VWAP", np.nan, "vwap is not a finite number"),
        ("Trades", -1.0, "trades is negative"),
        ("Trades", np.inf, "trades is not a finite number"),
    ],
)
def test_what_cannot_be_is_refused_with_its_row(kraken: pd.DataFrame, column: str, value: float, words: str) -> None:
    kraken[column] = kraken[column].astype(float)
    kraken.loc[50, column] = value
    with pytest.raises(InputError, match=words) as caught:
        read(kraken)
    assert "row 51" in str(caught.value)
    assert caught.value.where == "bars.csv"


def test_a_column_without_a_single_number_is_not_there(kraken: pd.DataFrame) -> None:
    assert "vwap" not in read(kraken.assign(VWAP=np.nan))


def test_formulas_read_them_in_a_history_bar_by_bar_and_on_longer_bars(kraken: pd.DataFrame) -> None:
    bars = read(kraken)
    formulas = ["close / vwap - 1", "zscore(trades, 20)", 'on("4h", close / vwap)', 'on("4h", sma(trades, 3))']
    online = OnlineFeatures(formulas, timeframe="1h")
    rows = [online.update(row) for row in bars.to_dict("records")]
    frame = bar_frame(bars)
    own = compile_formulas(formulas[:2]).compute(frame.columns, frame.times)
    assert np.array_equal(np.array(rows)[:, :2].astype(np.float32), own, equal_nan=True)
    four = frame.coarser(4 * 3_600_000)
    volume, vwap = frame.columns["volume"], frame.columns["vwap"]
    first = int(four.times[0] - frame.times[0]) // 3_600_000
    expected = np.average(vwap[first : first + 4], weights=volume[first : first + 4])
    assert four.columns["vwap"][0] == pytest.approx(expected, rel=1e-15)
    last = np.array(rows)[-1]
    assert np.isfinite(last).all()


def test_formulas_say_which_column_the_candles_lack(make_bars: MakeBars) -> None:
    frame = bar_frame(read(make_bars(50)))
    with pytest.raises(InputError, match="the candles have no column vwap") as caught:
        compile_formulas(["close / vwap - 1"]).compute(frame.columns, frame.times)
    assert "data import" in str(caught.value.hint)


def test_bars_that_contradict_themselves_are_noted_and_refused_where_a_formula_reads_them(
    kraken: pd.DataFrame,
) -> None:
    bars = read(kraken)
    assert not contradictions(bars).any()
    odd = bars.copy()
    odd.loc[30, "vwap"] = 2.0 * odd.loc[30, "high"]
    odd.loc[31, ["trades", "vwap"]] = [0.0, 2.0 * odd.loc[31, "high"]]
    assert np.flatnonzero(contradictions(odd)).tolist() == [30, 31]
    assert any("2 bars contradict their" in note for note in assess(odd, "1h").notes)
    meta = cast("EvidenceMeta", SimpleNamespace(pairs=["BTC/USD"], timeframe="1h"))
    answers = [
        quality_acceptable(meta, {"BTC/USD": frame}, cast("FeatureSet", SimpleNamespace(features=[feature(text)])))
        for frame, text in ((odd, "close / vwap"), (odd, "rsi(close, 14)"), (bars, "close / vwap"))
    ]
    rule = find("DQ003")
    limits = {name: each.default for name, each in rule.settings.items()}
    assert [rule.holds(limits, item.value, item.numbers) for item in answers] == [False, True, True], answers
    assert "vwap contradict the bar in 1.00%" in answers[0].explanation
