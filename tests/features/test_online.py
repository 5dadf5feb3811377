from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from crypto_team.errors import InputError
from crypto_team.features import machine
from crypto_team.features import opcodes as op
from crypto_team.features.online import OnlineFeatures, SeriesValue
from crypto_team.features.online_state import digest
from crypto_team.features.operator_table import OPERATORS
from crypto_team.features.operators import OPERATORS as TABLE
from crypto_team.features.operators import Floats, operator, shifted
from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS
from crypto_team.schemas.features import Feature, FeatureSet
from tests.features.conftest import Market, random_market
from tests.features.test_formula import FORMULAS
from tests.features.test_operators import call_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD = [item.formula for item in SETS["standard"]]


def _bar(market: Market, row: int) -> dict[str, Any]:
    return {"timestamp": int(market.times[row]), **{name: float(x[row]) for name, x in market.columns.items()}}


def _frame(market: Market) -> pd.DataFrame:
    times = pd.to_datetime(market.times, unit="ms", utc=True).astype("datetime64[ms, UTC]")
    return pd.DataFrame({"timestamp": times, **market.columns})


def _holed(market: Market) -> Market:
    """Make some bars unknown, some infinite, some without volume, some flat."""
    columns = {name: values.copy() for name, values in market.columns.items()}
    columns["close"][700] = np.nan
    columns["volume"][900] = np.inf
    columns["volume"][1200:1230] = 0.0
    for name in ("open", "high", "low", "close"):
        columns[name][1500:1540] = columns["close"][1499]
    return Market(columns, market.times)


@pytest.fixture
def opaque() -> Iterator[str]:
    """Add an operator over whole arrays, as somebody may write one, for the time of a test."""

    @operator("derived", lambda n: n)
    def median_of_three(x: Floats, n: int = 1) -> Floats:
        """Median of the value and the two that lie n / 2 and n bars before."""
        parts = np.vstack([x, shifted(x, n // 2), shifted(x, n)])
        return np.asarray(np.sort(parts, axis=0)[1])

    yield "median_of_three"
    TABLE.pop("median_of_three")


@pytest.mark.parametrize("warm", [0, 1, 511, 1300])
def test_the_standard_set_is_the_same_bar_by_bar_and_over_the_history_bit_for_bit(warm: int, market: Market) -> None:
    part = _holed(market)
    whole = compile_formulas(STANDARD).doubles(part.columns, part.times)
    online = OnlineFeatures(STANDARD)
    if warm:
        assert online.warm_up(_frame(part.part(0, warm))).tobytes() == whole[warm - 1].tobytes()
    for row in range(warm, 2000):
        assert online.update(_bar(part, row)).tobytes() == whole[row].tobytes(), row


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_is_the_same_bar_by_bar_and_over_the_history_bit_for_bit(name: str, market: Market) -> None:
    formula = call_of(OPERATORS[name])
    part = _holed(market).part(400, 1600)
    whole = compile_formulas([formula]).doubles(part.columns, part.times)[:, 0]
    online = OnlineFeatures([formula])
    found = np.array([online.update(_bar(part, row))[0] for row in range(part.times.size)])
    assert found.tobytes() == whole.tobytes()


def test_a_function_of_whole_arrays_is_the_same_bar_by_bar_and_over_the_history(opaque: str, market: Market) -> None:
    formulas = [f"{opaque}(close, 6)", f"zscore({opaque}(ret(close, 2), 8), 20)", f"{opaque}({opaque}(volume, 4), 2)"]
    plan = compile_formulas(formulas)
    assert len(plan.opaque) == 3
    whole = plan.doubles(market.columns, market.times)
    online = OnlineFeatures(formulas)
    online.warm_up(_frame(market.part(0, 300)))
    for row in range(300, 600):
        assert online.update(_bar(market, row)).tobytes() == whole[row].tobytes()


def test_a_function_of_whole_arrays_has_to_give_a_value_for_each_bar(market: Market) -> None:
    @operator("derived", lambda n: n)
    def shortened(x: Floats, n: int = 1) -> Floats:
        """Leave the first value out."""
        return np.asarray(x)[1:]

    try:
        with pytest.raises(InputError, match="2499 values for 2500 bars"):
            compile_formulas(["shortened(close, 1)"]).compute(market.columns, market.times)
    finally:
        TABLE.pop("shortened")


def test_a_saved_state_goes_on_as_if_nothing_had_happened(market: Market, tmp_path: Path) -> None:
    first, second = OnlineFeatures(STANDARD), OnlineFeatures(STANDARD)
    first.warm_up(_frame(market.part(0, 800)))
    first.save(tmp_path / "state.npz")
    second.restore(tmp_path / "state.npz")
    assert second.bars == 800
    for row in range(800, 1400):
        assert second.update(_bar(market, row)).tobytes() == first.update(_bar(market, row)).tobytes()


def test_a_state_of_other_formulas_or_something_else_is_refused(market: Market, tmp_path: Path) -> None:
    online = OnlineFeatures(["rsi(close, 14)"])
    online.warm_up(_frame(market.part(0, 100)))
    online.save(tmp_path / "state.npz")
    with pytest.raises(InputError, match="other formulas"):
        OnlineFeatures(["rsi(close, 15)"]).restore(tmp_path / "state.npz")
    (tmp_path / "text.npz").write_text("not a state")
    with pytest.raises(InputError, match="not a saved state"):
        online.restore(tmp_path / "text.npz")


def test_the_features_of_a_document_keep_their_names(market: Market, tmp_path: Path) -> None:
    made = [
        Feature(name="slow", category="price_action", formula="sma(close, 50)", lookback=49, leakage_safe=True),
        Feature(name="hour", category="temporal", formula="hour_sin()", lookback=0, leakage_safe=True),
    ]
    path = tmp_path / "features.yaml"
    path.write_text(yaml.safe_dump(FeatureSet(strategy_id="STR-001", features=made).model_dump(mode="json")))
    online = OnlineFeatures(path)
    assert online.names == ("slow", "hour")
    assert online.lookback == 49
    values = [online.update(_bar(market, row)) for row in range(60)]
    assert not online.ready or np.isfinite(values[-1]).all()
    assert np.isnan(values[48][0])
    assert values[49][0] == pytest.approx(market.columns["close"][:50].mean())


def test_a_python_feature_cannot_be_computed_bar_by_bar(tmp_path: Path) -> None:
    python = Feature(name="own", category="custom", python="code/own.py:own", lookback=3, leakage_safe=True)
    path = tmp_path / "features.yaml"
    path.write_text(yaml.safe_dump(FeatureSet(strategy_id="STR-001", features=[python]).model_dump(mode="json")))
    with pytest.raises(InputError, match="own is a Python function"):
        OnlineFeatures(path)
    path.write_text("features: 3")
    with pytest.raises(InputError, match=r"no features\.yaml"):
        OnlineFeatures(path)


def test_a_bar_that_is_not_the_next_one_is_refused_and_changes_nothing(market: Market) -> None:
    online = OnlineFeatures(["zscore(close, 20)"])
    whole = compile_formulas(["zscore(close, 20)"]).doubles(market.columns, market.times)[:, 0]
    online.warm_up(_frame(market.part(0, 100)))
    with pytest.raises(InputError, match="does not come after"):
        online.update(_bar(market, 99))
    with pytest.raises(InputError, match="is not the next one"):
        online.update(_bar(market, 101))
    with pytest.raises(InputError, match="no column close"):
        online.update({"timestamp": int(market.times[100])})
    with pytest.raises(InputError, match="is not a number"):
        online.update({"timestamp": int(market.times[100]), "close": "high"})
    with pytest.raises(InputError, match="this is no time: None"):
        online.update({"close": 1.0})
    assert online.update(_bar(market, 100))[0] == whole[100]


def test_a_time_may_be_a_datetime(market: Market) -> None:
    first, second = OnlineFeatures(["hour_sin()"]), OnlineFeatures(["hour_sin()"])
    for row in range(5):
        bar = _bar(market, row)
        moment = pd.Timestamp(bar["timestamp"], unit="ms", tz="UTC").to_pydatetime()
        assert second.update({**bar, "timestamp": moment}) == first.update(bar)


def test_an_empty_history_is_an_input_error(market: Market) -> None:
    with pytest.raises(InputError, match="no bars"):
        OnlineFeatures(["close"]).warm_up(_frame(market.part(0, 0)))


@given(st.lists(FORMULAS, min_size=1, max_size=4), st.lists(st.integers(1, 700), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_formulas_are_the_same_however_the_history_is_cut(texts: list[str], cuts: list[int]) -> None:
    part = _holed(random_market(1600, 3)).part(600, 1300)
    plan = compile_formulas(texts)
    assume(not plan.opaque)  # functions of whole arrays keep no state; they are recomputed from their look-back
    columns = {name: part.columns.get(name, part.columns["volume"]) for name in plan.columns}
    whole = plan.doubles(columns, part.times)
    run = plan.program.start()
    places = sorted({0, part.times.size, *(cut for cut in cuts if cut < part.times.size)})
    found = []
    for first, last in itertools.pairwise(places):
        given_columns = {name: values[first:last] for name, values in columns.items()}
        found.append(plan.doubles(given_columns, part.times[first:last], run))
    assert np.vstack(found).tobytes() == np.ascontiguousarray(whole).tobytes()


LIVE = ("rsi(close, 14)", "hurst(close, 64)", "zscore(close, 50)")


def _counters(online: OnlineFeatures) -> list[int]:
    """Return where in the machine's memory counts lie that its steps find their way with."""
    steps = online.plan.program.steps.reshape(-1, machine.COLUMNS)
    return [int(step[machine.MEMORY]) for step in steps if step[machine.CODE] in {op.HURST, op.SMOOTHED}]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("root.engine.cells", lambda x, _: x[:3]),
        ("root.engine.cells", lambda x, _: x.astype(np.float32)),
        ("root.engine.place", lambda x, _: x + 10**7),
        ("root.engine.place", lambda x, _: -x),
        ("root.engine.memory", lambda x, _: x[:1]),
        ("root.engine.memory", lambda x, counts: np.where(np.isin(np.arange(x.size), counts), np.inf, x)),
        ("root.engine.memory", lambda x, counts: np.where(np.isin(np.arange(x.size), counts), -9.0, x)),
        ("root.engine.memory", lambda x, counts: np.where(np.isin(np.arange(x.size), counts), 90.0, x)),
        ("root.engine.done", lambda x, _: x - 500),
        ("last", lambda x, _: x[:1]),
        ("root.engine.cells", None),
        ("root.engine.memory", lambda x, _: x * 1.0001),
    ],
)
@pytest.mark.parametrize("forged", [False, True])
def test_a_state_that_was_changed_is_refused_and_changes_nothing(
    name: str, change: Any, forged: bool, market: Market, tmp_path: Path
) -> None:
    online, same = OnlineFeatures(LIVE), OnlineFeatures(LIVE)
    for engine in (online, same):
        engine.warm_up(_frame(market.part(0, 200)))
    online.save(tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz") as found:
        state = {key: found[key] for key in found.files}
    whole = state.pop(name)
    if change is not None:
        state[name] = change(whole, _counters(online))
    if forged:
        del state["digest"]
        state["digest"] = np.array(digest(state))
    np.savez(tmp_path / "changed.npz", **state)
    with pytest.raises(InputError, match="not a saved state"):
        online.restore(tmp_path / "changed.npz")
    for row in range(200, 260):
        assert online.update(_bar(market, row)).tobytes() == same.update(_bar(market, row)).tobytes()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: OnlineFeatures("nowhere.yaml"), r"no features\.yaml"),
        (lambda: OnlineFeatures([]), "no formulas"),
        (lambda: OnlineFeatures([3]), "no formulas"),  # type: ignore[list-item]
        (lambda: OnlineFeatures(["close"], names=["a", "b"]), "2 names for 1 formulas"),
        (lambda: OnlineFeatures("close").update(None), "None is no event"),  # type: ignore[arg-type]
        (lambda: OnlineFeatures("close").update({"timestamp": pd.NaT, "close": 1.0}), "no time: NaT"),
        (lambda: OnlineFeatures("close").update({"timestamp": np.datetime64("NaT"), "close": 1.0}), "no time: None"),
        (lambda: OnlineFeatures("close").update({"timestamp": 1.5, "close": 1.0}), "no time: 1.5"),
        (lambda: OnlineFeatures("close").update({"timestamp": 10**30, "close": 1.0}), "no time"),
        (lambda: OnlineFeatures("close").warm_up(None), "no column timestamp"),  # type: ignore[arg-type]
        (lambda: OnlineFeatures("close").warm_up(pd.DataFrame({"close": [1.0]})), "no column timestamp"),
        (lambda: OnlineFeatures("close").warm_up(pd.DataFrame({"timestamp": [1], "close": ["x"]})), "holds no numbers"),
        (lambda: OnlineFeatures("close").warm_up(pd.DataFrame({"timestamp": [None], "close": [1.0]})), "no time"),
        (lambda: OnlineFeatures("close").save("/nowhere/at/all"), "cannot be written"),
        (lambda: OnlineFeatures("close").restore("/nowhere/at/all"), "not a saved state"),
    ],
)
def test_first_contact_with_what_is_none_says_what_is_wrong(made: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        made()


@pytest.mark.parametrize(
    "change",
    [{"time": None}, {"known_at": None}, {"value": "x"}, {"value": np.inf}, {"known_at": 1}, {"time": 10**30}],
)
def test_a_published_value_that_is_none_is_refused(change: dict[str, Any]) -> None:
    online = OnlineFeatures("funding()", timeframe="1h", pair="A/B")
    with pytest.raises(InputError):
        online.update(SeriesValue(**{"kind": "funding", "value": 1.0, "time": 2, "known_at": 5} | change))
    online.update(SeriesValue("funding", 1.0, 2, 5))
    assert online.update({"timestamp": 0})[0] == 1.0


def test_times_may_be_written_in_several_ways(market: Market) -> None:
    stamps = [1_600_000_000_000, np.int64(1_600_000_000_000), np.datetime64(1_600_000_000_000, "ms")]
    stamps += [pd.Timestamp(1_600_000_000_000, unit="ms"), pd.Timestamp(1_600_000_000_000, unit="ms", tz="UTC")]
    stamps.append(datetime(2020, 9, 13, 14, 26, 40, tzinfo=timezone(timedelta(hours=2))))
    found = {OnlineFeatures("hour_sin()").update({"timestamp": stamp})[0] for stamp in stamps}
    assert len(found) == 1
    whole = OnlineFeatures(["sma(close, 5)"]).warm_up(_frame(market.part(0, 20)))
    counted = OnlineFeatures("sma(close, 5)").warm_up(_frame(market.part(0, 20)).assign(timestamp=market.times[:20]))
    assert counted.tobytes() == whole.tobytes()
