"""Whether a column decides is asked of the trend functions and callbacks, not of the candles that happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("freqtrade")
from crypto_team.freqtrade.inside.diagnose_contents import CONTENTS, spoil, variants
from crypto_team.freqtrade.inside.diagnose_readers import readers

ROWS = 200


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    dates = pd.date_range("2024-01-01", periods=ROWS, freq="5min", tz="UTC")
    numbers = {name: rng.normal(size=ROWS) for name in ("close", "z", "plot")}
    return pd.DataFrame({"date": dates, **numbers, "flag": numbers["z"] > 0, "word": ["up", "down"] * (ROWS // 2)})


class Plain:
    """A strategy as far as the trend functions go; entries by `close` alone."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe["enter_long"] = (dataframe["close"] > 0).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe["exit_long"] = (dataframe["close"] < 0).astype(int)
        return dataframe

    def advise_entry(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        return self.populate_entry_trend(dataframe, metadata)

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        return self.populate_exit_trend(dataframe, metadata)


class Rare(Plain):
    """Reads a column where it never mattered."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe["enter_long"] = ((dataframe["close"] > 0) | (dataframe["z"] > 1e3)).astype(int)
        return dataframe


class IfThere(Plain):
    """Reads a column by a name that stands nowhere, and does without it."""

    def populate_exit_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        name = "_z"[1:]
        high = dataframe[name] > 1e3 if name in dataframe else False
        dataframe["exit_long"] = ((dataframe["close"] < 0) | high).astype(int)
        return dataframe


class Tagged(Plain):
    """Only the tag depends on the column."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe["enter_long"] = (dataframe["close"] > 0).astype(int)
        values = dataframe.iloc[:, 2].to_numpy()
        dataframe["enter_tag"] = np.where(values < -1e4, "low", "usual")
        return dataframe


class ByQuery(Plain):
    """Names the column in an expression on a branch that is not taken."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        if metadata["pair"] == "DOGE/USDT":
            dataframe = dataframe.query("close > 0 and z > 1")
        return super().populate_entry_trend(dataframe, metadata)


class MadeInside(Plain):
    """Makes the column in the trend function, and reads it there."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe["later"] = dataframe["close"].shift(-1)
        dataframe["enter_long"] = ((dataframe["close"] > 0) | (dataframe["later"] > 1e3)).astype(int)
        return dataframe


class MadeForThePlot(Plain):
    """Makes the column in the trend function, and leaves it there."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        """Write `later` for the plot: later > 0."""
        dataframe["later"] = dataframe["close"].shift(-1)
        return super().populate_entry_trend(dataframe, metadata)


class Asked(Plain):
    """A callback that never came as far as the column."""

    def custom_exit(self, pair: str, current_profit: float, **_named: object) -> str | None:
        if current_profit < 0.5:
            return None
        table: pd.DataFrame = self.dp.get_analyzed_dataframe(pair, "5m")[0]  # type: ignore[attr-defined]
        return "high" if table["z"].iloc[-1] > 1 else None


def found(strategy: Plain, *columns: str) -> dict[str, str]:
    return readers(strategy, {"BTC/USDT": frame()}, list(columns))


@pytest.mark.parametrize("kind", [Rare, IfThere, Tagged, ByQuery, Asked])
def test_a_column_that_is_read_decides_though_no_signal_ever_turned_on_it(kind: type[Plain]) -> None:
    assert set(found(kind(), "z", "plot")) == {"z"}


def test_what_nothing_reads_is_unused_whatever_its_type() -> None:
    assert found(Plain(), "z", "plot", "flag", "word", "not there") == {}


@pytest.mark.parametrize("column", ["flag", "word"])
def test_flags_and_words_are_replaced_too(column: str) -> None:
    class Reads(Plain):
        def populate_exit_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
            name = next((item for item in dataframe if item == "".join(column)), "date")
            dataframe["exit_long"] = dataframe[name].isin([True, "up"]).astype(int)
            return dataframe

    assert set(found(Reads(), column)) == {column}


def test_a_column_that_a_trend_function_makes_decides_where_it_is_read() -> None:
    assert set(found(MadeInside(), "later")) == {"later"}
    assert found(MadeForThePlot(), "later") == {}


def test_halves_replace_all_candles_between_them() -> None:
    values = pd.Series(np.arange(100.0))
    made = {name: content(values, np.random.default_rng(0)) for name, content in variants()}
    for name in CONTENTS:
        if name in {"shuffled", "anything between"}:
            continue
        one, two = made[f"{name}, half of the candles"], made[f"{name}, the other half"]
        from_one = one.where(~one.eq(values), two)
        pd.testing.assert_series_equal(from_one, made[name], check_dtype=False)


def test_contents_reach_far_beyond_what_a_column_held() -> None:
    values = pd.Series([-2.0, np.nan, 3.0])
    rng = np.random.default_rng(0)
    assert CONTENTS["highest"](values, rng).tolist() == [3.0] * 3
    assert CONTENTS["below"](values, rng).max() < -5
    assert CONTENTS["far above"](values, rng).min() > 1e6


def test_spoiling_takes_columns_away_or_fills_them_in_place() -> None:
    one = frame()
    spoil(one, ["z", "nothing"], "absent")
    assert "z" not in one
    spoil(one, ["plot"], "unknown")
    assert one["plot"].isna().all()


class NamesIt(Plain):
    """Says the name of a column where it is not read."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        """Leave z out."""
        work = dataframe.drop(columns=["z", "plot"]).drop(["flag"], axis=1)
        print("z")  # noqa: T201 - what strategies do
        dataframe["enter_long"] = (work["close"] > 0).astype(int)
        dataframe.loc[work["close"] > 0, "enter_tag"] = "z"
        return dataframe

    def populate_exit_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        work = dataframe.copy()
        del work["z"]
        dataframe["exit_long"] = (work["close"] < 0).astype(int)
        return dataframe

    def custom_exit(self, exit_reason: str) -> str | None:
        return "z" if exit_reason != "z" else None


class NamesItToReadIt(Plain):
    """Keeps the name of a column, takes it out of a frame, or has a function inside give it."""

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        def name() -> str:
            return "flag"

        names = {"where": "z"}
        high = dataframe[names["where"]] > 1e3
        high |= dataframe.copy().pop("plot") > 1e3
        high |= dataframe[name()] & (dataframe["close"] > 1e3)
        dataframe["enter_long"] = ((dataframe["close"] > 0) | high).astype(int)
        return dataframe


def test_a_name_that_is_returned_logged_written_or_dropped_is_no_read() -> None:
    frames = {"A/B": frame()}
    assert readers(NamesIt(), frames, ["z", "plot", "flag"]) == {}
    assert set(readers(NamesItToReadIt(), frames, ["z", "plot", "flag"])) == {"z", "plot", "flag"}


class ReadsAttributes(Plain):
    """Reads one column as an attribute of the frame, and has an attribute of its own with another's name."""

    plot = 2.0

    def populate_entry_trend(self, dataframe: pd.DataFrame, _metadata: dict[str, Any]) -> pd.DataFrame:
        rare = dataframe["close"] > 1e9
        if rare.any():
            rare &= dataframe.z > 0
        dataframe["enter_long"] = ((dataframe["close"] > self.plot) | rare).astype(int)
        return dataframe


def test_a_column_that_is_read_as_an_attribute_is_read() -> None:
    assert set(readers(ReadsAttributes(), {"A/B": frame()}, ["z", "plot"])) == {"z"}
