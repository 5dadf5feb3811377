"""What the order book, its features and the operators of microstructure answer to the cases of the conformance bank.

Conventions: sample covariance for Roll with 0 for a positive one on bars, simple returns for Amihud, an intercept for
Kyle, negative two-bar estimates of Corwin and Schultz as 0, Lee and Ready without lag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from crypto_team.features import microstructure_columns as col
from crypto_team.features import microstructure_layout as at
from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure
from crypto_team.features.operator_table import OPERATORS

Case = dict[str, Any]
Answer = dict[str, Any]
FINE = MicroSettings(tick=0.01, lot=0.001, vpin_volume=25.0)


def _book(online: OnlineMicrostructure, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Any:
    sides = [1] * len(bids) + [-1] * len(asks)
    prices, sizes = zip(*bids, *asks, strict=True)
    return online.snapshot(0, sides, prices, sizes, after_gap=False)


def _books(case: Case) -> list[tuple[list[tuple[float, float]], list[tuple[float, float]]]]:
    if "book" not in case["inputs"]:
        rows = case["inputs"]["quotes_bid_bidsize_ask_asksize"]
        return [([(bid, qb)], [(ask, qa)]) for bid, qb, ask, qa in rows]
    return [
        (list(zip(s["bid_px"], s["bid_sz"], strict=True)), list(zip(s["ask_px"], s["ask_sz"], strict=True)))
        for s in case["inputs"]["book"]["snapshots"]
    ]


def _flows(case: Case) -> np.ndarray:
    """Return order flow per change of the book and level, in coins."""
    online, totals = OnlineMicrostructure(FINE), []
    for bids, asks in _books(case):
        _book(online, bids, asks)
        totals.append(online._state[at.TOTALS + at.E1 : at.TOTALS + at.E5 + 1].copy())
    return np.diff(np.array(totals), axis=0) * FINE.lot


def _ofi(case: Case) -> Answer:
    flow = _flows(case)[:, 0]
    made = {"e": flow.tolist(), "ofi_total": float(flow.sum())}
    return {key: made[key] for key in made if key in case["expected"]}


def _multi_level(case: Case) -> Answer:
    return {"e_by_level_first10": _flows(case)[:10].tolist()}


def _state(case: Case) -> Answer:
    books, rows = _books(case), []
    for place in case["inputs"]["snapshots"]:
        bids, asks = books[place]
        made = _book(OnlineMicrostructure(FINE), bids, asks)
        mid = (bids[0][0] + asks[0][0]) / 2
        slopes = [float(made[k]) * 1e4 / mid for k in (col.SLOPE_BID, col.SLOPE_ASK)]
        rows.append(
            {
                "mid": mid,
                "queue_imbalance_L1": float(made[col.IMBALANCE_L01]),
                "queue_share_bid": (1 + float(made[col.IMBALANCE_L01])) / 2,
                "weighted_mid": mid * (1 + float(made[col.MICROPRICE]) / 1e4),
                "depth_imbalance_5": float(made[col.BOOK_IMBALANCE_5]),
                "relative_spread_bps": float(made[col.SPREAD_BPS]),
                "ns_slope_bid": float(made[col.ELASTICITY_BID]),
                "ns_slope_ask": float(made[col.ELASTICITY_ASK]),
                "ols_slope_bid": slopes[0],
                "ols_slope_ask": slopes[1],
                "ols_slope_mean": sum(slopes) / 2,
            }
        )
    return {"by_snapshot": rows}


def _buckets(case: Case) -> Answer:
    online = OnlineMicrostructure(FINE)
    sides = case["inputs"].get("is_buy")
    for k, (price, size) in enumerate(case["inputs"]["trades"]["price_size"]):
        online.trade(k, 0 if sides is None else 1 if sides[k] else -1, price, size)
    count = int(online._state[at.N_VOLUME])
    steps = online._state[at.VOLUME_STEP : at.VOLUME_STEP + count] * FINE.tick
    made: Answer = {"n_buckets": count, "price_changes": steps.tolist()}
    if sides is not None:
        last = online._state[at.VOLUME_SIGNED + count - case["inputs"].get("window", 10) : at.VOLUME_SIGNED + count]
        made["vpin_last"] = float(np.abs(last).mean()) * FINE.lot / FINE.vpin_volume
    return {key: made[key] for key in made if key in case["expected"]}


def _candles(case: Case) -> dict[str, np.ndarray]:
    names = ("open", "high", "low", "close", "volume")
    return {name: np.array(case["inputs"]["ohlcv"][name], dtype=np.float64) for name in names}


def _last(name: str, *columns: np.ndarray, n: int) -> float:
    with np.errstate(all="ignore"):
        return float(OPERATORS[name].function(*columns, n)[-1])


def _amihud(case: Case) -> Answer:
    bars = _candles(case)
    whole = _last("amihud", bars["close"], bars["volume"], n=len(bars["close"]) - 1)
    return {
        "simple_return": whole / 1e10,
        "rolling20_last_simple": _last("amihud", bars["close"], bars["volume"], n=20) / 1e10,
    }


def _roll(case: Case) -> Answer:
    close = _candles(case)["close"]
    return {"spread": _last("roll_spread", close, n=len(close) - 2) * close[-1] / 1e4}


def _corwin(case: Case) -> Answer:
    bars = _candles(case)
    return {"mean_negatives_set_to_0": _last("corwin_schultz", bars["high"], bars["low"], n=len(bars["low"]) - 1) / 1e4}


def _abdi(case: Case) -> Answer:
    bars = _candles(case)
    last = _last("abdi_ranaldo", bars["high"], bars["low"], bars["close"], n=len(bars["low"]) - 1)
    return {"spread": last / 1e4}


def _kyle(case: Case) -> Answer:
    inputs = case["inputs"]
    flow = next(np.array(value, dtype=np.float64) for key, value in inputs.items() if key != "dp")
    close = np.concatenate([[0.0], np.cumsum(inputs["dp"])])
    return {"lambda_with_intercept": _last("kyle_lambda", close, np.concatenate([[0.0], flow]), n=len(flow))}


def _tick_rule(case: Case) -> Answer:
    online = OnlineMicrostructure(FINE)
    return {"sign": [int(online.trade(0, 0, price, 1.0)[col.TICK_RULE]) for price in case["inputs"]["price"]]}


def _lee_ready(case: Case) -> Answer:
    online, signs = OnlineMicrostructure(FINE), []
    for price, bid, ask in zip(*(case["inputs"][name] for name in ("price", "bid", "ask")), strict=True):
        _book(online, [(bid, 1.0)], [(ask, 1.0)])
        before = int(online._state[at.TOTALS + at.SIGNED])
        online.trade(0, 0, price, FINE.lot)
        signs.append(int(online._state[at.TOTALS + at.SIGNED]) - before)
    return {"sign": signs}


def _trade_flow(case: Case) -> Answer:
    online, deltas = OnlineMicrostructure(FINE), []
    for size, maker in zip(case["inputs"]["size"], case["inputs"]["is_buyer_maker"], strict=True):
        online.trade(0, -1 if maker else 1, 100.0, size)
        deltas.append(float(online._state[at.TOTALS + at.SIGNED]) * FINE.lot)
    volume = float(online._state[at.TOTALS + at.VOLUME]) * FINE.lot
    signed = np.diff([0.0, *deltas]).tolist()
    return {"signed": signed, "cumulative_delta": deltas, "imbalance": deltas[-1] / volume}


STATISTICS: dict[str, Callable[[Case], Answer]] = {
    "order_flow_imbalance": _ofi,
    "multi_level_ofi": _multi_level,
    "queue_imbalance_weighted_mid_slope": _state,
    "vpin_bulk_volume": _buckets,
    "vpin_signed_volume": _buckets,
    "amihud_illiquidity": _amihud,
    "roll_spread": _roll,
    "corwin_schultz_spread": _corwin,
    "abdi_ranaldo_spread": _abdi,
    "kyle_lambda": _kyle,
    "tick_rule": _tick_rule,
    "lee_ready": _lee_ready,
    "trade_flow": _trade_flow,
}
