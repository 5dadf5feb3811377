"""Composed formulas bar by bar against the same formulas over the whole history: the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.features.composition import composed_columns
from crypto_team.features.needs import needs
from crypto_team.features.nodes import canonical_text
from crypto_team.features.online import OnlineFeatures, SeriesValue
from crypto_team.features.plan import compile_formulas
from crypto_team.features.scopes import SERIES
from crypto_team.features.surroundings import Frame, KnownSeries, SeriesKey, Surroundings, known_series
from tests.features.worlds import DAY, FORMULAS, HOUR, PAIRS, World, world

if TYPE_CHECKING:
    from collections.abc import Iterable

DEEP = (
    'of("ETH/USDT:USDT", ret(close, 3) - of("BTC/USDT:USDT", ret(close, 3)))',
    'on("4h", of("BTC/USDT:USDT", zscore(close, 12)))',
    'on("8h", on("1d", ret(close, 2)))',
    'of("BTC/USDT:USDT", rsi(close, 5))',
    'basket("BTC/USDT:USDT,ETH/USDT:USDT,SOL/USDT:USDT", on("4h", ret(close, 1))) * volume',
    'corr(ret(close, 1), of("ETH/USDT:USDT", ret(close, 1)), 48)',
    'on("4h", cluster(long_liquidations(), 4, 30))',
    'on("1w", ret(close, 1))',
    "vwap_dev(24)",
)
ALL = (*FORMULAS, *DEEP)
KINDS = {part.kind: name for name, part in SERIES.items()}


@pytest.fixture(scope="module")
def made() -> World:
    return world(2000)


def _batch(formulas: tuple[str, ...], place: World) -> np.ndarray:
    plan = compile_formulas(formulas, "1h")
    columns = {**place.frame.columns, **composed_columns(plan.formulas, place.frame, place.around)}
    return plan.doubles(columns, place.frame.times)


def _bar(frame: Frame, row: int) -> dict[str, Any]:
    return {"timestamp": int(frame.times[row]), **{name: float(x[row]) for name, x in frame.columns.items()}}


def _published(around: Surroundings, keys: Iterable[SeriesKey], since: int) -> list[SeriesValue]:
    """Return every value of some series that was known after a time, in the order in which it was."""
    found = []
    for key, item in ((key, around.series[key]) for key in keys):
        for time, known, value in zip(item.time, item.known_at, item.value, strict=True):
            if known > since:
                found.append(SeriesValue(KINDS[key.kind], float(value), int(time), int(known), key.source, key.pair))
    return sorted(found, key=lambda value: value.known_at)


def _history(place: World, rows: int) -> tuple[pd.DataFrame, Surroundings]:
    """Return what was known at the close of the last of some bars."""
    frame = place.frame
    times = pd.to_datetime(frame.times[:rows], unit="ms", utc=True).astype("datetime64[ms, UTC]")
    bars = pd.DataFrame({"timestamp": times, **{name: x[:rows] for name, x in frame.columns.items()}})
    return bars, place.around.before(int(frame.closes[rows - 1]) + 1)


def _live(online: OnlineFeatures, place: World, first: int, last: int) -> np.ndarray:
    """Feed bars of all pairs and published values in the order of time; return the vector after each own bar."""
    frame, rows = place.frame, []
    read = needs([canonical_text(node) for node in online.plan.formulas], [PAIRS[0]])
    values = _published(place.around, read.series, int(frame.closes[first - 1]) if first else -1)
    for row in range(first, last):
        close = int(frame.closes[row])
        while values and values[0].known_at <= close:
            online.update(values.pop(0))
        for pair in set(read.pairs) - {PAIRS[0]}:
            online.update({"pair": pair, **_bar(place.around.frames[pair], row)})
        rows.append(online.update(_bar(frame, row)))
    return np.array(rows)


@pytest.fixture(scope="module")
def whole(made: World) -> np.ndarray:
    return _batch(ALL, made)


def _online(formulas: tuple[str, ...] = ALL) -> OnlineFeatures:
    return OnlineFeatures(formulas, timeframe="1h", pair=PAIRS[0])


@pytest.mark.parametrize("warm", [1, 702, 1601])
def test_composed_formulas_are_the_same_bar_by_bar_and_over_the_history_bit_for_bit(
    warm: int, made: World, whole: np.ndarray
) -> None:
    online = _online()
    assert online.warm_up(*_history(made, warm)).tobytes() == whole[warm - 1].tobytes()
    found = _live(online, made, warm, warm + 399)
    for column, formula in enumerate(ALL):
        assert found[:, column].tobytes() == whole[warm : warm + 399, column].tobytes(), formula
    assert np.isfinite(whole[1999]).all()


def test_a_history_may_be_handed_over_in_parts(made: World, whole: np.ndarray) -> None:
    plain = tuple(text for text in ALL if "of(" not in text and "basket" not in text)
    plain = tuple(text for text in plain if not any(f"{name}(" in text for name in SERIES))
    online, bars = _online(plain), _history(made, 1000)[0]
    for start, stop in ((0, 3), (3, 4), (4, 500), (500, 1000)):
        found = online.warm_up(bars.iloc[start:stop])
    assert found.tobytes() == _batch(plain, made)[999].tobytes()


def test_a_saved_state_of_composed_formulas_goes_on_bit_for_bit(made: World, whole: np.ndarray, tmp_path: Path) -> None:
    first, second = _online(), _online()
    first.warm_up(*_history(made, 900))
    _live(first, made, 900, 950)
    first.save(tmp_path / "state.npz")
    second.restore(tmp_path / "state.npz")
    assert _live(second, made, 950, 1150).tobytes() == whole[950:1150].tobytes()


def test_a_state_of_another_pair_is_refused(made: World, tmp_path: Path) -> None:
    _online(("funding()",)).save(tmp_path / "state.npz")
    with pytest.raises(InputError, match="other formulas"):
        OnlineFeatures(("funding()",), timeframe="1h", pair="ETH/USDT:USDT").restore(tmp_path / "state.npz")


def test_fitted_features_are_the_same_bar_by_bar_and_over_the_history(made: World) -> None:
    from crypto_team.features.formula import parse
    from crypto_team.features.transformers import fit, fitted_input

    formulas = {
        "state": "hmm(ret(close, 1), realised_vol(close, 12), states=3, state=2, n=64)",
        "first": 'pca(rsi(close, 14), on("4h", rsi(close, 14)), of("ETH/USDT:USDT", rsi(close, 14)), component=1)',
        "level": "scaled(funding())",
    }
    documents, expected = {}, {}
    for name, text in formulas.items():
        given = fitted_input(parse(text, "1h"), made.frame, made.around)
        found = fit(given, np.arange(1000, 1500), np.zeros(2000, dtype=np.int64), name=name)
        documents[name] = {"kind": given.kind, "settings": list(given.settings), "parameters": found.parameters()}
        expected[name] = found.apply(given.values)
    online = OnlineFeatures(list(formulas.values()), list(formulas), timeframe="1h", pair=PAIRS[0], fitted=documents)
    online.warm_up(*_history(made, 1500))
    found = _live(online, made, 1500, 1700)
    for column, name in enumerate(formulas):
        assert found[:, column].tobytes() == expected[name][1500:1700].tobytes(), name
        assert np.isfinite(found[:, column]).any()


def test_what_was_not_fitted_is_unknown_and_what_is_not_fitted_cannot_be_given(made: World) -> None:
    online = _online(("scaled(close)", "close"))
    found = online.warm_up(*_history(made, 30))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
    with pytest.raises(InputError, match="no fitted feature"):
        OnlineFeatures(["close"], ["close"], fitted={"close": {"kind": "scaled", "parameters": {}}})


def test_a_bar_of_another_pair_that_comes_after_the_own_one_is_unknown_and_refused(made: World) -> None:
    online = _online(('of("ETH/USDT:USDT", close)',))
    other = made.around.frames[PAIRS[1]]
    online.update({"pair": PAIRS[1], **_bar(other, 0)})
    assert online.update(_bar(made.frame, 0))[0] == other.columns["close"][0]
    assert np.isnan(online.update(_bar(made.frame, 1))[0])
    with pytest.raises(InputError, match="comes too late to count"):
        online.update({"pair": PAIRS[1], **_bar(other, 1)})
    online.update({"pair": PAIRS[1], **_bar(other, 2)})
    assert online.update(_bar(made.frame, 2))[0] == other.columns["close"][2]


def test_bars_of_a_pair_that_come_early_wait_for_their_close(made: World) -> None:
    online = _online(('of("ETH/USDT:USDT", close)',))
    other = made.around.frames[PAIRS[1]]
    for row in range(4):
        online.update({"pair": PAIRS[1], **_bar(other, row)})
    assert [online.update(_bar(made.frame, row))[0] for row in range(3)] == list(other.columns["close"][:3])


def test_bad_events_say_what_is_wrong(made: World) -> None:
    online = _online(("funding()", 'of("ETH/USDT:USDT", close)'))
    online.update(_bar(made.frame, 0))
    close = int(made.frame.closes[0])
    with pytest.raises(InputError, match="comes after the bar that closed"):
        online.update(SeriesValue("funding", 1e-4, close - 5, close - 1))
    with pytest.raises(InputError, match="no series 'fundings'"):
        online.update(SeriesValue("fundings", 1e-4, close, close + 1))
    with pytest.raises(InputError, match="no formula reads oi"):
        online.update(SeriesValue("oi", 1.0, close, close + 1))
    with pytest.raises(InputError, match="no formula reads bars of DOGE"):
        online.update({"pair": "DOGE/USDT", **_bar(made.frame, 1)})
    with pytest.raises(InputError, match="has no column close"):
        online.update({"pair": PAIRS[1], "timestamp": 0})
    with pytest.raises(InputError, match="is not the next one"):
        online.update(_bar(made.frame, 3))
    with pytest.raises(InputError, match="depends on the length of the bars"):
        OnlineFeatures(['on("4h", close)'])
    with pytest.raises(InputError, match="unknown timeframe '7h'"):
        OnlineFeatures(["close"], timeframe="7h")


def test_series_of_the_history_bring_their_own_staleness(made: World) -> None:
    close = int(made.frame.closes[10])
    key = next(key for key in made.around.series if key.kind == "sentiment")
    series = KnownSeries(np.array([0]), np.array([close - 40 * HOUR]), np.array([7.0]), 41 * HOUR)
    online = _online(('sentiment("fear_greed")',))
    bars = _history(made, 11)[0]
    assert online.warm_up(bars, Surroundings(PAIRS[0], {}, {key: series}))[0] == 7.0
    assert online.update(_bar(made.frame, 11))[0] == 7.0
    assert np.isnan(online.update(_bar(made.frame, 12))[0])


OF_ETH = ("ret(close, 1)", 'of("ETH/USDT:USDT", ret(close, 2))', 'of("ETH/USDT:USDT", on("4h", close))')


def _events(made: World, rows: int) -> list[dict[str, Any]]:
    """Return bars of two pairs in the order in which they come."""
    other = made.around.frames[PAIRS[1]]
    return [event for row in range(rows) for event in ({"pair": PAIRS[1], **_bar(other, row)}, _bar(made.frame, row))]


def _answers(online: OnlineFeatures, events: list[dict[str, Any]]) -> np.ndarray:
    return np.array([found for event in events for found in [online.update(event)] if "pair" not in event])


@pytest.mark.parametrize(
    ("move", "words"),
    [(0, "was here before"), (-20 * HOUR, "was here before"), (60_000, "no bar of 3600 seconds opens")],
)
def test_a_bar_of_another_pair_that_came_before_is_refused_and_changes_nothing(
    move: int, words: str, made: World
) -> None:
    online, events = _online(OF_ETH), _events(made, 80)
    first = _answers(online, events[:101])
    with pytest.raises(InputError, match=words) as problem:
        online.update({**events[100], "timestamp": events[100]["timestamp"] + move})
    assert PAIRS[1] in str(problem.value)
    found = np.vstack([first, _answers(online, events[101:])])
    assert found.tobytes() == _answers(_online(OF_ETH), events).tobytes()
    assert np.isfinite(found[-1]).all()


def test_a_bar_of_another_pair_that_never_comes_is_an_unknown_one(made: World, tmp_path: Path) -> None:
    events = _events(made, 80)
    unknown = [{**event, "close": np.nan} if number == 100 else event for number, event in enumerate(events)]
    expected = _answers(_online(OF_ETH), unknown)
    online = _online(OF_ETH)
    found = _answers(online, events[:100] + events[101:104])
    online.save(tmp_path / "state.npz")
    again = _online(OF_ETH)
    again.restore(tmp_path / "state.npz")
    found = np.vstack([found, _answers(again, events[104:])])
    assert found.tobytes() == expected.tobytes()
    assert np.isnan(found[[50, 52], 1]).all()
    assert np.isfinite(found[60:]).all()
    with pytest.raises(InputError, match="comes too late"):
        again.update(events[100])


def test_bars_of_another_pair_may_change_places_before_they_count(made: World) -> None:
    events = _events(made, 80)
    swapped = [*events[:100], events[102], events[100], events[101], *events[103:]]
    assert _answers(_online(OF_ETH), swapped).tobytes() == _answers(_online(OF_ETH), events).tobytes()


def test_a_bar_of_another_pair_from_the_far_future_is_refused(made: World) -> None:
    online, events = _online(OF_ETH), _events(made, 4)
    _answers(online, events)
    with pytest.raises(InputError, match="more than 10,000 bars after the last"):
        online.update({**events[0], "timestamp": events[0]["timestamp"] * 1000})


def test_a_value_that_comes_too_late_for_one_reader_is_learnt_by_none(made: World) -> None:
    formulas = ('on("8h", oi())', 'on("4h", oi())')
    close = int(made.frame.closes[6])  # 12:00, when bars of four hours close and those of eight do not
    for texts in (formulas, formulas[::-1]):
        online = _online(texts)
        for row in range(7):
            online.update(_bar(made.frame, row))
        with pytest.raises(InputError, match="comes after the bar that closed"):
            online.update(SeriesValue("oi", 7.0, close - 2 * HOUR, close - HOUR))
        last = [online.update(_bar(made.frame, row)) for row in range(7, 26)]
        assert np.isnan(last).all()


def test_a_history_with_a_hole_is_refused_and_one_of_another_pair_has_unknown_bars(made: World) -> None:
    bars, around = _history(made, 200)
    with pytest.raises(InputError, match="is not the next one"):
        _online(('on("4h", close)',)).warm_up(bars.drop(index=range(90, 93)))
    with pytest.raises(InputError, match="does not come after"):
        _online(('on("4h", close)',)).warm_up(bars.iloc[[0, 1, 2, 2, 3]])
    whole, rows = around.frames[PAIRS[1]], np.arange(200) // 3 != 30
    holed = Frame({name: values[rows] for name, values in whole.columns.items()}, whole.times[rows], HOUR)
    unknown = {name: np.where(rows, values, np.nan) for name, values in whole.columns.items()}
    made_of = []
    for frame in (holed, Frame(unknown, whole.times, HOUR)):
        other = Surroundings(PAIRS[0], {PAIRS[1]: frame})
        online = _online(OF_ETH)
        columns = composed_columns(online.plan.formulas, made.frame.before(int(made.frame.times[200]) + 1), other)
        made_of.append((online.warm_up(bars, other), *columns.values()))
    for found, expected in zip(*made_of, strict=True):
        assert found.tobytes() == expected.tobytes()
    with pytest.raises(InputError, match="not 3600 seconds later"):
        holed.coarser(4 * HOUR)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_state_is_an_input_error(damage: str, made: World, tmp_path: Path) -> None:
    path, online = tmp_path / "state.npz", _online(OF_ETH)
    online.update(_bar(made.frame, 0))
    online.save(path)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[200] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match="not a saved state"):
        _online(OF_ETH).restore(path)


@pytest.mark.parametrize("saved_at", [None, 60])
def test_a_series_without_a_history_grows_stale_as_a_stored_one_does(saved_at: int | None, tmp_path: Path) -> None:
    first = world(24 * 12).frame
    frame = Frame(first.columns, first.times[0] // DAY * DAY + HOUR * np.arange(first.times.size), HOUR)
    days = np.array([0, 1, 2, 4, 9])  # a day is missing, then four
    times = frame.times[0] + DAY * days
    value = np.arange(1.0, 6.0)
    stored = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(times, unit="ms", utc=True),
            "known_at": pd.to_datetime(times + 2 * HOUR, unit="ms", utc=True),
            "value": value,
        }
    )
    key = SeriesKey("sentiment", "fear_greed", "")
    around = Surroundings(PAIRS[0], {}, {key: known_series(stored, None, None)})
    formula = ('sentiment("fear_greed")',)
    whole = _batch(formula, World(frame, around))[:, 0]
    online, found = _online(formula), []
    coming = list(zip(times, value, strict=True))
    for row in range(frame.times.size):
        while coming and coming[0][0] + 2 * HOUR <= frame.closes[row]:
            time, number = coming.pop(0)
            online.update(SeriesValue("sentiment", number, int(time), int(time) + 2 * HOUR, "fear_greed"))
        found.append(online.update(_bar(frame, row))[0])
        if row == saved_at:
            online.save(tmp_path / "state.npz")
            online = _online(formula)
            online.restore(tmp_path / "state.npz")
    assert np.array(found).tobytes() == whole.tobytes()
    assert np.isfinite(whole[24 * 3 + 12])
    assert np.isnan(whole[24 * 8])


@pytest.mark.parametrize("missing", ["volume", "close", "series", "kind"])
def test_a_refused_history_leaves_the_engine_as_it_was(missing: str, made: World, tmp_path: Path) -> None:
    formulas = ('of("ETH/USDT:USDT", ret(close, 1)) - ret(close, 1)', "zscore(volume, 5)", "funding()")
    bars, around = _history(made, 300)
    bad_bars, bad_around = bars.iloc[100:], around
    if missing in bars:
        bad_bars = bad_bars.drop(columns=missing)
    elif missing == "series":
        bad_around = Surroundings(PAIRS[0], around.frames)
    else:
        bad_around = "all"
    online, other = _online(formulas), _online(formulas)
    for engine in (online, other):
        _live(engine, made, 0, 100)
    later = Surroundings(PAIRS[0], {PAIRS[1]: around.frames[PAIRS[1]].since(int(made.frame.times[100]))}, around.series)
    bad_around = later if bad_around is around else bad_around
    with pytest.raises(InputError):
        online.warm_up(bad_bars, bad_around)
    for number, engine in enumerate((online, other)):
        engine.save(tmp_path / f"{number}.npz")
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    assert _live(online, made, 100, 130).tobytes() == _live(other, made, 100, 130).tobytes()
    fresh = _online(formulas)
    with pytest.raises(InputError):
        fresh.warm_up(bars.drop(columns=["volume"]), around)
    assert fresh.warm_up(bars, around).tobytes() == _online(formulas).warm_up(bars, around).tobytes()
