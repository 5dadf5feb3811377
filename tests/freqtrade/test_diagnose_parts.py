from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.freqtrade.diagnose_data import PROBES, Market, cuts, read_market, replaced, trimmed, write_market
from crypto_team.freqtrade.diagnose_judge import ROWS, compare, compare_calls, compare_start
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_models import implausible, is_model, model_files, predicted_before
from crypto_team.freqtrade.diagnose_source import read_source
from crypto_team.freqtrade.diagnose_unused import decides

TEXT = """
from freqtrade.strategy import IStrategy

class Base(IStrategy):
    timeframe = "5m"
    can_short = {short}

class Mine(Base):
    def populate_indicators(self, dataframe, metadata):
        hour = self.dp.get_pair_dataframe("SOL/USDT", "1h")
        dataframe["a"] = dataframe["close"].shift(-1)
        return dataframe

    def set_freqai_targets(self, dataframe, metadata, **kwargs):
        dataframe["&-x"] = dataframe["close"].shift(-5)
        return dataframe
"""


@pytest.fixture(scope="module")
def market() -> Market:
    return synthetic(read_source(TEXT.format(short=False), "mine.py"), seed=3)


def test_a_strategy_file_tells_its_class_timeframe_pairs_and_lines_worth_a_look() -> None:
    found = read_source(TEXT.format(short=True), "mine.py")
    assert (found.class_name, found.timeframe, found.can_short) == ("Mine", "5m", True)
    assert found.pairs == ("SOL/USDT",)
    assert found.timeframes == ("5m", "1h")
    assert [(item.line, item.reason) for item in found.hints] == [(11, "shift by a negative number of rows")]


def test_a_label_of_freqai_may_look_ahead_and_gives_no_hint() -> None:
    assert not [item for item in read_source(TEXT.format(short=False), "mine.py").hints if item.line > 12]


@pytest.mark.parametrize(
    ("line", "remembers"),
    [("x = {" + ", ".join(f"{k}: 1" for k in range(300)) + "}", True), ("x = 'ab' * 9", False), ("x = [1, 2]", False)],
)
def test_a_strategy_that_holds_a_large_table_is_known_to_remember(line: str, remembers: bool) -> None:
    assert read_source(TEXT.format(short=False) + f"\n{line}\n", "mine.py").remembers is remembers


@pytest.mark.parametrize(("text", "what"), [("def (:", "no Python"), ("x = 1", "no strategy class")])
def test_what_is_no_strategy_is_an_error_with_its_file(text: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        read_source(text, "mine.py")
    assert str(caught.value.where).startswith("mine.py")


def test_two_strategies_in_a_file_have_to_be_told_apart() -> None:
    text = "class A(IStrategy):\n    pass\nclass B(IStrategy):\n    pass\n"
    with pytest.raises(InputError, match="A, B"):
        read_source(text, "two.py")
    assert read_source(text, "two.py", "B").class_name == "B"


def test_every_file_is_cut_at_the_close_of_its_own_candles(market: Market) -> None:
    own = market.own("BTC/USDT")
    moment = int(own.known[1000])
    cut = replaced(market, moment, "truncated", np.random.default_rng(0))
    for item in cut.files:
        assert int(item.known.max()) <= moment
    assert len(cut.own("BTC/USDT").frame) == 1001
    hours = next(item for item in cut.files if item.timeframe == "1h" and item.pair == "BTC/USDT")
    assert moment - int(hours.known.max()) < 3_600_000


@pytest.mark.parametrize("probe", PROBES[1:])
def test_another_future_changes_what_was_not_known_and_nothing_else(market: Market, probe: str) -> None:
    moment = int(market.own("ETH/USDT").known[1500])
    made = replaced(market, moment, probe, np.random.default_rng(0))
    for before, after in zip(market.files, made.files, strict=True):
        known = before.known <= moment
        pd.testing.assert_frame_equal(before.frame[known], after.frame[known])
        assert not before.frame[~known].equals(after.frame[~known])


def test_the_price_at_which_a_candle_opens_is_kept_where_the_engine_has_told_it(market: Market) -> None:
    own = market.own("BTC/USDT")
    moment = int(own.opens[1200])
    made = replaced(market, moment, "scaled x10", np.random.default_rng(0), opened=True).own("BTC/USDT").frame
    row = made.iloc[1200]
    assert row["open"] == own.frame["open"].iloc[1200]
    assert row["close"] == pytest.approx(10 * own.frame["close"].iloc[1200])
    assert row["low"] <= row["open"] <= row["high"]


def test_a_market_is_read_back_as_it_was_written(market: Market, tmp_path: Path) -> None:
    write_market(market, tmp_path)
    again = read_market(tmp_path, "5m")
    assert set(again.pairs) == {"BTC/USDT", "ETH/USDT", "SOL/USDT"}
    pd.testing.assert_frame_equal(again.own("BTC/USDT").frame, market.own("BTC/USDT").frame)
    with pytest.raises(InputError, match="no 5m candles of XRP/USDT"):
        read_market(tmp_path, "5m", ("XRP/USDT",))


def test_futures_are_found_in_their_folder_with_mark_prices_and_funding(tmp_path: Path) -> None:
    made = synthetic(read_source(TEXT.format(short=True), "mine.py"), seed=1)
    write_market(made, tmp_path)
    again = read_market(tmp_path, "5m", ("BTC/USDT:USDT",))
    assert again.futures
    assert {item.kind for item in again.files} == {"futures", "mark", "funding_rate"}


def test_trimming_keeps_the_last_candles_and_a_history_of_larger_ones(market: Market) -> None:
    made = trimmed(market, 500)
    assert len(made.own("BTC/USDT").frame) == 500
    hours = next(item for item in made.files if item.timeframe == "1h")
    assert len(hours.frame) > 300


def test_cuts_stand_where_signals_turn_and_before_closes_of_larger_candles(market: Market) -> None:
    chosen = cuts(market, {"BTC/USDT": [1111]}, 200, np.random.default_rng(0))
    assert int(market.own("BTC/USDT").known[1111]) in chosen
    assert any((moment + market.step_ms) % 3_600_000 == 0 for moment in chosen)


def _frame(values: list[object]) -> pd.DataFrame:
    dates = pd.date_range("2024-01-01", periods=len(values), freq="h", tz="UTC")
    return pd.DataFrame({"date": dates, "x": values})


def test_a_value_that_changed_is_named_with_its_candle_and_both_values() -> None:
    one, two = _frame([1.0, 2.0, 3.0]), _frame([1.0, 2.5, 9.0])
    until = one["date"].iloc[2]
    found = list(compare(one, two, "BTC/USDT", until=until, probe="truncated"))
    assert [(item.what, item.value, item.changed_to, item.count) for item in found] == [("x", "2.0", "2.5", 1)]
    assert found[0].time == "2024-01-01T01:00:00+00:00"


@pytest.mark.parametrize(("one", "two"), [(np.nan, 1.0), ("up", "down"), (1.0, 1.000001)])
def test_missing_values_texts_and_millionths_are_differences(one: object, two: object) -> None:
    end = pd.Timestamp("2030-01-01", tz="UTC")
    assert list(compare(_frame([one] * 3), _frame([two] * 3), "P", until=end, probe="p"))
    assert not list(compare(_frame([one] * 3), _frame([one] * 3), "P", until=end, probe="p"))


def test_the_dust_of_sums_is_no_difference() -> None:
    end = pd.Timestamp("2030-01-01", tz="UTC")
    assert not list(compare(_frame([1e4, 2e4]), _frame([1e4 + 1e-11, 2e4]), "P", until=end, probe="p"))


def test_a_callback_that_answers_the_same_question_otherwise_knew_the_future() -> None:
    base = [["custom_exit", "P", 1000, ["rate=1"], "None"], ["custom_exit", "P", 2000, ["rate=2"], "None"]]
    other = [base[0], ["custom_exit", "P", 2000, ["rate=2"], "falls"]]
    found = compare_calls(base, other, moment=2000, probe="permuted")
    assert found is not None
    assert (found.what, found.value, found.changed_to) == ("custom_exit()", "None", "falls")
    forming = [base[0], ["custom_exit", "P", 2000, ["rate=3"], "falls"]]
    assert compare_calls(base, forming, moment=2000, probe="permuted") is None
    assert compare_calls(base, other, moment=1500, probe="permuted") is None


def test_a_late_start_that_changes_a_signal_is_a_finding_of_its_own_kind() -> None:
    one, two = _frame([0.0, 1.0, 1.0]), _frame([0.0, 0.0, 1.0])
    one, two = one.rename(columns={"x": "enter_long"}), two.rename(columns={"x": "enter_long"})
    found = list(compare_start(one, two, "P", since=one["date"].iloc[1]))
    assert [(item.kind, item.what, item.matters) for item in found] == [("startup", "enter_long", True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", '{"train_end": "2024-05-01"}'),
        ("model.txt", "tree\ntrained_until=2024-05-01\n"),
        ("model.json", '{"training_period": ["2023-01-01", "2024-05-01"]}'),
    ],
)
def test_a_model_file_says_until_when_it_was_trained(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    found = model_files(tmp_path, [name])[0]
    assert found.trained_until == pd.Timestamp("2024-05-01", tz="UTC")
    assert len(found.sha256) == 64


def test_a_file_of_metadata_beside_a_model_counts_too(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"\x80\x04")
    (tmp_path / "model.meta.json").write_text('{"fit_end": "2024-05-01T00:00:00"}')
    assert model_files(tmp_path, ["model.joblib"])[0].trained_until == pd.Timestamp("2024-05-01", tz="UTC")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("args", b"-- format json", False),
        ("notes.txt", b"what to do", False),
        ("trees.txt", b"tree\nversion=v4\n", True),
        ("net.onnx", b"", True),
        ("forest", b"\x80\x04\x95", True),
    ],
)
def test_a_model_is_known_by_its_ending_or_its_content(
    tmp_path: Path, name: str, content: bytes, expected: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_model(tmp_path / name) is expected


def test_candles_chosen_by_what_came_later_are_named_and_labels_missing_at_the_end_are_something_else() -> None:
    end = pd.Timestamp("2030-01-01", tz="UTC")
    whole = _frame([1.0, 2.0, 3.0, 4.0])
    (chosen,) = compare(whole, whole.drop(index=1), "P", until=end, probe="p")
    assert chosen.what == ROWS
    assert decides(chosen)
    shorter = whole.iloc[:3].assign(x=[1.0, 9.0, 3.0])
    (elsewhere,) = compare(whole, shorter, "P", until=end, probe="scaled x10")
    assert decides(elsewhere)
    last, value = compare(whole, shorter, "P", until=end, probe="truncated")
    assert not decides(last)
    assert (value.what, value.changed_to) == ("x", "9.0")


def test_entries_before_the_end_of_training_are_counted() -> None:
    frame = _frame([0.0, 1.0, 1.0, 0.0]).rename(columns={"x": "enter_long"})
    found = predicted_before({"P": frame}, frame["date"].iloc[3])
    assert found == ("P", "2024-01-01T02:00:00+00:00", 2)
    assert predicted_before({"P": frame}, frame["date"].iloc[1]) is None


def test_a_memory_is_implausibly_good_and_an_edge_of_a_few_per_cent_is_not() -> None:
    rng = np.random.default_rng(4)
    moves = rng.normal(0, 0.01, 3_000)
    close = 100 * np.exp(np.cumsum(moves))
    ahead = np.append(moves[1:], 0.0)
    frame = pd.DataFrame({"date": pd.date_range("2024", periods=3_000, freq="h", tz="UTC"), "close": close})
    frame["memory"] = ahead + rng.normal(0, 0.01, 3_000)
    frame["edge"] = 0.05 * ahead + rng.normal(0, 0.01, 3_000)
    frame["level"] = close
    assert {item[0] for item in implausible({"P": frame})} == {"memory"}
