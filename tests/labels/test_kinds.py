"""Labels scaled by volatility, of barriers and of a primary rule, and their weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.labels import (
    Prices,
    barrier_labels,
    class_weights,
    expected_move,
    first_touches,
    horizon_returns,
    past_volatility,
    scaled_labels,
    sequential_bootstrap,
    target_labels,
    time_decay,
    triple_barrier,
)
from crypto_team.schemas.ml_spec import Target


def _walk(n: int = 600, *, seed: int = 3) -> Prices:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    spread = 1.0 + np.abs(rng.normal(0.0, 0.004, n))
    return Prices(close * spread, close / spread, close)


def _closes(prices: Prices) -> Prices:
    return Prices(prices.close, prices.close, prices.close)


def _target(kind: str, **more: object) -> Target:
    values = {"type": "classification", "kind": kind, "definition": kind, "horizon": "6bars", "horizon_bars": 6}
    return Target.model_validate(values | more)


def test_the_volatility_of_a_bar_is_that_of_the_returns_up_to_it() -> None:
    close = _walk().close
    sigma = past_volatility(close, 20)
    moves = close[81:101] / close[80:100] - 1.0
    assert sigma[100] == pytest.approx(moves.std(ddof=1))
    assert np.isnan(sigma[:20]).all()
    assert math.isfinite(sigma[20])
    close[101:] *= 2.0
    assert past_volatility(close, 20)[100] == sigma[100]


def test_scaled_classes_are_cut_in_units_of_the_expected_move() -> None:
    close = _walk().close
    made = scaled_labels(close, horizon_bars=6, volatility_bars=50, thresholds_sigma=[-0.5, 0.5])
    z = made.forward_return / expected_move(close, horizon_bars=6, volatility_bars=50)
    known = np.isfinite(made.label)
    assert known.sum() == 600 - 50 - 6
    assert np.array_equal(made.label[known], (z[known] >= -0.5).astype(int) + (z[known] >= 0.5))
    assert made.n_classes == 3


def test_calm_and_wild_markets_have_the_same_scaled_classes() -> None:
    rng = np.random.default_rng(5)
    returns = rng.standard_normal(2_000)
    calm, wild = (np.cumprod(1.0 + scale * returns) for scale in (1e-4, 1e-3))
    kinds = {"horizon_bars": 4, "volatility_bars": 50, "thresholds_sigma": [-0.5, 0.5]}
    same = scaled_labels(calm, **kinds).label == scaled_labels(wild, **kinds).label  # type: ignore[arg-type]
    assert same[50:-4].mean() > 0.97


def test_barriers_of_all_bars_are_those_of_each_event_on_closes() -> None:
    prices = _closes(_walk())
    made = barrier_labels(prices, horizon_bars=6, volatility_bars=50, profit=1.0, loss=0.7)
    width = expected_move(prices.close, horizon_bars=6, volatility_bars=50)
    events = np.flatnonzero(np.isfinite(made.label))
    single = triple_barrier(prices.close, events, target=width[events], horizon_bars=6, profit=1.0, loss=0.7)
    assert events[0] == 50
    assert events[-1] == 600 - 7
    assert np.array_equal(made.label[events], [one.label + 1 for one in single])
    assert np.array_equal(
        made.known_after[events], [one.bar - event for one, event in zip(single, events, strict=True)]
    )
    assert set(np.unique(made.label[events])) == {0.0, 1.0, 2.0}


def test_a_bar_that_reaches_both_barriers_counts_as_a_loss() -> None:
    prices = Prices(np.array([1.0, 1.2]), np.array([1.0, 0.8]), np.array([1.0, 1.1]))
    for side in (1.0, -1.0):
        outcome, after = first_touches(
            prices, np.full(2, 0.1), horizon_bars=1, profit=1.0, loss=1.0, side=np.full(2, side)
        )
        assert (outcome[0], after[0]) == (0, 1)


def test_a_short_wins_where_the_price_falls() -> None:
    close = np.array([100.0, 99.0, 97.0, 97.0])
    outcome, after = first_touches(
        Prices(close, close, close), np.full(4, 0.02), horizon_bars=3, profit=1.0, loss=1.0, side=np.full(4, -1.0)
    )
    assert (outcome[0], after[0]) == (2, 2)


def test_rows_without_a_full_horizon_have_no_label_even_when_a_barrier_was_touched() -> None:
    prices = _walk()
    made = barrier_labels(prices, horizon_bars=6, volatility_bars=20, profit=0.01, loss=0.01)
    assert np.isnan(made.label[-6:]).all()
    assert np.isfinite(made.label[-7])


def test_a_meta_label_has_a_class_only_where_the_rule_trades() -> None:
    prices, side = _walk(), np.zeros(600)
    side[100:200], side[200:300], side[300:310] = 2.5, -0.1, np.nan
    made = target_labels(prices, _target("meta_label", side_feature="rule"), side=side)
    assert np.flatnonzero(np.isfinite(made.label)).tolist() == list(range(100, 300))
    long = target_labels(prices, _target("triple_barrier"))
    assert np.array_equal(made.label[100:200], (long.label[100:200] == 2).astype(float))
    assert made.n_classes == 2


def test_a_meta_label_without_its_rule_says_what_to_add() -> None:
    with pytest.raises(InputError, match="primary rule 'rule'"):
        target_labels(_walk(), _target("meta_label", side_feature="rule"))


@pytest.mark.parametrize("kind", ["direction", "return", "volatility_scaled", "triple_barrier", "meta_label"])
def test_a_label_depends_on_nothing_beyond_its_end(kind: str) -> None:
    settings = {"volatility_scaled": {"thresholds_sigma": [0.0]}, "meta_label": {"side_feature": "rule"}}.get(kind, {})
    target, prices, side = _target(kind, **settings), _walk(), np.ones(600)
    first = target_labels(prices, target, side=side)
    for cut in (300, 411):
        changed = [values.copy() for values in (prices.high, prices.low, prices.close)]
        for values in changed:
            values[cut:] *= 3.0
        second = target_labels(Prices(*changed), target, side=side)
        before = np.arange(600) + first.known_after < cut
        assert np.array_equal(first.label[before], second.label[before], equal_nan=True)
        assert np.array_equal(first.known_after[before], second.known_after[before])


def test_several_horizons_are_measured_at_once() -> None:
    close = _walk().close
    made = horizon_returns(close, [1, 24])
    assert made.shape == (600, 2)
    assert made[10, 1] == pytest.approx(close[34] / close[10] - 1.0)
    assert np.isnan(made[-24:, 1]).all()
    assert np.isfinite(made[-2, 0])


def test_class_weights_make_every_class_count_alike() -> None:
    label = np.array([0.0, 0, 0, 1, np.nan, 0])
    weights = class_weights(label, 3)
    assert weights.tolist() == [5 / 8, 5 / 2, 0.0]
    known = label[np.isfinite(label)].astype(int)
    assert weights[known].mean() == pytest.approx(1.0)


def test_sequential_draws_overlap_less_than_independent_ones() -> None:
    starts = np.arange(0, 200, dtype=np.int64)
    ends = starts + 20
    rng = np.random.default_rng(1)
    drawn = sequential_bootstrap(starts, ends, 10, rng)

    def covered(chosen: np.ndarray) -> int:
        return len({bar for each in chosen for bar in range(starts[each], ends[each] + 1)})

    independent = [covered(rng.integers(0, 200, 10)) for _ in range(200)]
    assert covered(drawn) > np.mean(independent)


def test_decay_outside_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match="oldest"):
        time_decay(np.ones(3), 1.5)


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        ("volatility_scaled", {}, "thresholds_sigma"),
        ("direction", {"thresholds_sigma": [0.5]}, "volatility_scaled only"),
        ("n_class", {"thresholds_bps": [20.0, 20.0]}, "ascending"),
        ("meta_label", {}, "side_feature"),
        ("direction", {"side_feature": "rule"}, "no other kind"),
    ],
)
def test_settings_of_another_kind_are_refused(kind: str, settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _target(kind, **settings)
