"""What `features` answers to the cases of the conformance bank: case in, the expected keys that we document out.

Conventions where the bank offers several: TA-Lib's seeds (both MACD averages start together, directional sums over
n - 1 changes), bands with the population deviation, breakouts without the current bar, G1 and G2 for skewness and
kurtosis, the acf for autocorrelation. Levels of OBV and accumulation have no operator: only their changes are features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from crypto_team.features.operator_table import OPERATORS

Case = dict[str, Any]
Answer = dict[str, Any]
Floats = npt.NDArray[np.float64]
COLUMNS = ("open", "high", "low", "close", "volume")


def _candles(case: Case) -> dict[str, Floats]:
    return {name: np.array(case["inputs"]["ohlcv"][name], dtype=np.float64) for name in COLUMNS}


def _apply(
    name: str,
    candles: dict[str, Floats],
    *settings: float,
    of: Floats | None = None,
    times: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Compute one operator in float64; `of` stands for a column of any kind."""
    found = OPERATORS[name]
    inputs = [candles.get(item.name.rstrip("_"), of) for item in found.columns]
    inputs += [] if times is None else [times]
    with np.errstate(all="ignore"):
        return found.function(*inputs, *settings)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _series(case: Case, values: Floats, first: int | None = None, *, key: str | None = None) -> Answer:
    """Answer with a series in the form of the case; `first` hides what a convention publishes later."""
    values = values.copy()
    if first is not None:
        values[:first] = np.nan
    expected = case["expected"] if key is None else case["expected"][key]
    known = np.flatnonzero(~np.isnan(values))
    answer: Answer = {"first_valid": int(known[0]) if known.size else None, "n_valid": int(known.size)}
    if "values" in expected:
        answer["values"] = [_number(value) for value in values]
    if "at" in expected:
        answer["at"] = {at: _number(values[int(at)]) for at in expected["at"]}
    return {name: answer[name] for name in expected}


def _plain(name: str, *settings: str, of: str | None = None) -> Callable[[Case], Answer]:
    """Answer with one operator, its settings taken from the inputs by name."""

    def answer(case: Case) -> Answer:
        candles = _candles(case)
        given = [case["inputs"][key] for key in settings]
        return _series(case, _apply(name, candles, *given, of=None if of is None else candles[of]))

    return answer


def rsi(case: Case) -> Answer:
    if "call" in case["inputs"]:
        return _published(_apply("rsi", {}, 5, of=_tulip(case)[0]))
    return _plain("rsi", "n", of="close")(case)


def atr(case: Case) -> Answer:
    """TulipCharts counts the first range as high - low, which TA-Lib and we leave unknown: only ours is answered."""
    return {} if "call" in case["inputs"] else _plain("atr", "n")(case)


def _macd(name: str, *more: str) -> Callable[[Case], Answer]:
    def answer(case: Case) -> Answer:
        candles, inputs = _candles(case), case["inputs"]
        settings = [inputs[key] for key in ("fast", "slow", *more)]
        values = _apply(name, candles, *settings, of=candles["close"]) * candles["close"] / 100.0
        return _series(case, values, inputs["slow"] + inputs["signal"] - 2)

    return answer


def stochastic_slow_k(case: Case) -> Answer:
    inputs = case["inputs"]
    values = _apply("stoch_k", _candles(case), inputs["k"], inputs["smooth"])
    return _series(case, values, inputs["k"] + inputs["smooth"] + inputs.get("d", 1) - 3)


def stochastic_slow_d(case: Case) -> Answer:
    inputs = case["inputs"]
    return _series(case, _apply("stoch_d", _candles(case), inputs["k"], inputs["smooth"], inputs["d"]))


def stochastic_fast_k(case: Case) -> Answer:
    inputs = case["inputs"]
    return _series(case, _apply("stoch_k", _candles(case), inputs["k"], 1), inputs["k"] + inputs["d"] - 2)


def stochastic_fast_d(case: Case) -> Answer:
    inputs = case["inputs"]
    return _series(case, _apply("stoch_k", _candles(case), inputs["k"], inputs["d"]))


def wave_trend(case: Case) -> Answer:
    """Averages are seeded with the mean of their first values; the case of the other seed is not ours."""
    if "SMA" not in case["definition"].partition("wt2=SMA(wt1,4).")[2]:
        return {}
    inputs = case["inputs"]
    first = _apply("wave_trend", _candles(case), inputs["n1"], inputs["n2"])
    second = _apply("sma", {}, inputs["n3"], of=first)
    return {"wt1": _series(case, first, key="wt1"), "wt2": _series(case, second, key="wt2")}


def _bollinger(place: float) -> Callable[[Case], Answer]:
    def answer(case: Case) -> Answer:
        candles, n = _candles(case), case["inputs"]["n"]
        middle = _apply("sma", candles, n, of=candles["close"])
        width = _apply("bb_width", candles, n, case["inputs"].get("k", 2.0), of=candles["close"])
        return _series(case, middle * (1.0 + place * width / 2.0))

    return answer


def _keltner(side: float) -> Callable[[Case], Answer]:
    def answer(case: Case) -> Answer:
        candles, inputs = _candles(case), case["inputs"]
        middle = _apply("ema", candles, inputs["ema"], of=candles["close"])
        return _series(case, middle + side * inputs["mult"] * _apply("atr", candles, inputs["atr"]))

    return answer


def _donchian(name: str, column: str, *, prior: bool) -> Callable[[Case], Answer]:
    def answer(case: Case) -> Answer:
        candles = _candles(case)
        values = _apply(name, candles, case["inputs"]["n"], of=candles[column])
        return _series(case, _apply("lag", candles, 1, of=values) if prior else values)

    return answer


def rolling_vwap(case: Case) -> Answer:
    candles = _candles(case)
    return _series(case, candles["close"] / (1.0 + _apply("vwap_dev", candles, case["inputs"]["n"])))


def session_vwap(case: Case) -> Answer:
    """Sessions of the bank begin at midnight; a series that begins within one counts from there."""
    candles, times = _candles(case), _times(case)
    deviation = _apply("session_vwap_dev", candles, 400, times=times)
    return _series(case, candles["close"] / (1.0 + deviation))


def _times(case: Case) -> npt.NDArray[np.int64]:
    """Return the openings of the bars in milliseconds; bars without a time are minutes of one day."""
    written = case["inputs"]["ohlcv"].get("timestamp_utc")
    if written is None:
        return 60_000 * np.arange(len(case["inputs"]["ohlcv"]["close"]), dtype=np.int64)
    return np.array([item.rstrip("Z") for item in written], dtype="datetime64[ms]").astype(np.int64)


def session_vwap_deviation(case: Case) -> Answer:
    return _series(case, _apply("session_vwap_dev", _candles(case), 288, times=_times(case)))


def macd_own_seeds(case: Case) -> Answer:
    """Averages that each start with their own first values are written as a formula of averages."""
    close = _candles(case)["close"]
    line = _apply("ema", {}, 12, of=close) - _apply("ema", {}, 26, of=close)
    signal = _apply("ema", {}, 9, of=line)
    made = {"macd": line, "signal": signal, "hist": line - signal}
    return {key: _series(case, made[key], key=key) for key in made}


def realized_volatility(case: Case) -> Answer:
    """Ours is per bar: the bank's is the root of the sum, ours of the mean."""
    candles, n = _candles(case), case["inputs"]["n"]
    return _series(case, _apply("realised_vol", candles, n, of=candles["close"]) * np.sqrt(n))


def _of_log_returns(name: str, *settings: str) -> Callable[[Case], Answer]:
    def answer(case: Case) -> Answer:
        candles = _candles(case)
        moves = _apply("logret", candles, 1, of=candles["close"])
        return _series(case, _apply(name, candles, *(case["inputs"][key] for key in settings), of=moves))

    return answer


def hurst_exponent(case: Case) -> Answer:
    """Generalised exponent, q = 2: the operator takes the logarithm of prices, so the walk is handed in as prices."""
    walk = np.concatenate([[0.0], np.cumsum(np.array(case["inputs"]["x"], dtype=np.float64))])
    assert case["inputs"]["ghe_lags"] == [1, min(19, walk.size // 8)]
    return {"ghe_q2": float(_apply("hurst", {}, walk.size, of=np.exp(walk))[-1])}


def edge_cases(case: Case) -> Answer:
    inputs, bars = case["inputs"], case["inputs"]["bars"]
    rising = "price" not in inputs
    close = np.arange(1.0, bars + 1) if rising else np.full(bars, inputs["price"])
    low = close - 1.0 if rising else close
    candles = {"open": low, "high": close, "low": low, "close": close, "volume": np.full(bars, 5.0)}
    made = {
        "rsi14": _apply("rsi", candles, 14, of=close),
        "adx14": _apply("adx", candles, 14),
        "stoch_fastk": _apply("stoch_k", candles, 14, 1),
        "willr14": _apply("willr", candles, 14),
        "cci20": _apply("cci", candles, 20),
        "atr14": _apply("atr", candles, 14),
        "bb_width": _apply("bb_width", candles, 20, 2.0, of=close),
        "aroon_up14": _apply("aroon_up", candles, 14),
        "aroon_down14": _apply("aroon_down", {"low": close - 0.5} if rising else candles, 14),
        "efficiency_ratio10": _apply("efficiency_ratio", candles, 10, of=close),
    }
    return {key: float(made[key][-1]) for key in case["expected"] if key in made}


def _tulip(case: Case) -> list[Floats]:
    return [np.array(values, dtype=np.float64) for values in case["inputs"]["inputs"]]


def _published(*series: Floats) -> Answer:
    return {"outputs": [values[~np.isnan(values)].tolist() for values in series]}


def _tulip_hlc(case: Case) -> dict[str, Floats]:
    return dict(zip(("high", "low", "close"), _tulip(case), strict=True))


def aroon(case: Case) -> Answer:
    high, low = _tulip(case)
    return _published(_apply("aroon_down", {"low": low}, 5), _apply("aroon_up", {"high": high}, 5))


def bbands(case: Case) -> Answer:
    close = _tulip(case)[0]
    middle, width = _apply("sma", {}, 5, of=close), _apply("bb_width", {}, 5, 2.0, of=close)
    return _published(*(middle * (1.0 + place * width / 2.0) for place in (-1.0, 0.0, 1.0)))


def stddev(case: Case) -> Answer:
    return _published(_apply("std", {}, 5, of=_tulip(case)[0]) * np.sqrt(4 / 5))


def stoch(case: Case) -> Answer:
    candles = _tulip_hlc(case)
    slow, signal = _apply("stoch_k", candles, 5, 3), _apply("stoch_d", candles, 5, 3, 3)
    return _published(np.where(np.isnan(signal), np.nan, slow), signal)


def wilders(case: Case) -> Answer:
    return _published(_apply("wilder", {}, 5, of=_tulip(case)[0]))


def willr(case: Case) -> Answer:
    return _published(_apply("willr", _tulip_hlc(case), 5))


STATISTICS: dict[str, Callable[[Case], Answer]] = {
    "rsi": rsi,
    "plus_di": _plain("plus_di", "n"),
    "minus_di": _plain("minus_di", "n"),
    "adx": _plain("adx", "n"),
    "aroon_up": _plain("aroon_up", "n"),
    "aroon_down": _plain("aroon_down", "n"),
    "macd": _macd("macd"),
    "macd_signal": _macd("macd_signal", "signal"),
    "macd_histogram": _macd("macd_hist", "signal"),
    "stochastic_slow_k": stochastic_slow_k,
    "stochastic_slow_d": stochastic_slow_d,
    "stochastic_fast_k": stochastic_fast_k,
    "stochastic_fast_d": stochastic_fast_d,
    "williams_r": _plain("willr", "n"),
    "cci": _plain("cci", "n"),
    "wave_trend": wave_trend,
    "true_range": _plain("true_range"),
    "atr": atr,
    "bollinger_upper": _bollinger(1.0),
    "bollinger_mid": _bollinger(0.0),
    "bollinger_lower": _bollinger(-1.0),
    "bollinger_percent_b": _plain("bb_percent", "n", "k", of="close"),
    "keltner_upper": _keltner(1.0),
    "keltner_lower": _keltner(-1.0),
    "donchian_upper": _donchian("highest", "high", prior=False),
    "donchian_lower": _donchian("lowest", "low", prior=False),
    "donchian_upper_prior": _donchian("highest", "high", prior=True),
    "donchian_lower_prior": _donchian("lowest", "low", prior=True),
    "rolling_vwap": rolling_vwap,
    "session_vwap": session_vwap,
    "vwap_deviation_session": session_vwap_deviation,
    "macd_independent_seeds": macd_own_seeds,
    "rolling_autocorrelation_pearson": _of_log_returns("autocorr_pearson", "n", "lag"),
    "vwap_deviation_rolling": _plain("vwap_dev", "n"),
    "parkinson_volatility": _plain("parkinson", "n"),
    "garman_klass_volatility": _plain("garman_klass", "n"),
    "rogers_satchell_volatility": _plain("rogers_satchell", "n"),
    "yang_zhang_volatility": _plain("yang_zhang", "n"),
    "realized_volatility": realized_volatility,
    "rolling_std_returns": _of_log_returns("std", "n"),
    "kaufman_efficiency_ratio": _plain("efficiency_ratio", "n", of="close"),
    "rate_of_change": _plain("roc", "n", of="close"),
    "rolling_zscore_population": _plain("zscore", "n", of="close"),
    "rolling_skewness": _of_log_returns("skew", "n"),
    "rolling_excess_kurtosis": _of_log_returns("kurt", "n"),
    "rolling_autocorrelation_acf": _of_log_returns("autocorr", "n", "lag"),
    "rolling_percentile_rank": _plain("rank", "n", of="close"),
    "hurst_exponent": hurst_exponent,
    "edge_cases": edge_cases,
    "aroon": aroon,
    "bbands": bbands,
    "stddev": stddev,
    "stoch": stoch,
    "wilders": wilders,
    "willr": willr,
}
