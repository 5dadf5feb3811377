from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.errors import UsageError
from crypto_team.models.registry import resolve
from crypto_team.models.return_lines import KnownReturns, Unseen, labels_worth, shrunk_line
from crypto_team.validation import metrics
from crypto_team.validation.calibration import calibrator_from
from crypto_team.validation.calibration_of_returns import fit_return_calibrator, known_of_learner
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import run

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]


def _bold(n: int, *, times: float = 5.0, seed: int = 3, skill: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Draw forecasts `times` too bold and 7 bps too high, whose truth explains `skill` of a deviation of 100 bps."""
    rng = np.random.default_rng(seed)
    truth = 100.0 * skill * rng.standard_normal(n)
    return times * truth + 7.0, truth + 100.0 * rng.standard_normal(n)


def _rows(told: np.ndarray, came: np.ndarray, *, bars: int = 1) -> Unseen:
    """Return rows at every bar, whose returns take some bars to come about."""
    start = np.arange(told.size, dtype=np.int64)
    return Unseen(told, came, start, start + bars)


NOTHING = KnownReturns(0.0, 0.0, 0.0)


def _slope(told: np.ndarray, came: np.ndarray) -> float:
    return float(np.polyfit(told, came, 1)[0])


@pytest.mark.parametrize("method", ["shrunk", "isotonic"])
def test_bold_expected_returns_come_true_once_calibrated(method: str) -> None:
    told, came = _bold(20_000)
    fitted = fit_return_calibrator(_rows(told[:10_000], came[:10_000]), method)  # type: ignore[arg-type]
    after = fitted.apply(told[10_000:, None])[:, 0]
    assert _slope(told[10_000:], came[10_000:]) == pytest.approx(0.2, abs=0.05)
    assert _slope(after, came[10_000:]) == pytest.approx(1.0, abs=0.2)
    assert ((after - came[10_000:]) ** 2).mean() < ((told[10_000:] - came[10_000:]) ** 2).mean()
    assert after.mean() == pytest.approx(came[10_000:].mean(), abs=4.0)


@pytest.mark.parametrize("method", ["shrunk", "isotonic", "none"])
def test_a_calibrator_of_returns_survives_json_to_the_bit(method: str) -> None:
    told, came = _bold(300)
    fitted = fit_return_calibrator(_rows(told, came), method)  # type: ignore[arg-type]
    again = calibrator_from(json.loads(json.dumps(fitted.document())))
    assert np.array_equal(again.apply(told[:, None]), fitted.apply(told[:, None]))


@pytest.mark.parametrize("method", ["platt", "ordered_platt", "beta", "temperature"])
def test_maps_of_probabilities_are_refused_for_a_regression(method: str) -> None:
    with pytest.raises(UsageError, match="states expected returns"):
        fit_return_calibrator(_rows(*_bold(100)), method)  # type: ignore[arg-type]


def test_labels_that_overlap_move_the_line_less() -> None:
    told, came = _bold(2_000, skill=0.15)
    # Forecasts that stay for a day: a label over more bars is one of fewer.
    told, came = np.repeat(told[:200], 10), np.repeat(came[:200], 10)
    slopes = [shrunk_line(_rows(told, came, bars=bars), NOTHING)[0] for bars in (500, 50, 1)]
    assert slopes[0] < slopes[1] < slopes[2] < _slope(told, came) * 1.001
    # What is nearly unknown says little: less than a tenth of a deviation of the return for one of the forecast.
    assert slopes[0] * told.std() / came.std() < 0.1


def test_labels_are_worth_what_their_mean_is_certain_of() -> None:
    start = np.arange(0, 2_400, dtype=np.int64)
    assert labels_worth(start, start + 1) == pytest.approx(2_400.0)
    assert labels_worth(start, start + 24) == pytest.approx(100.0, rel=0.05)
    assert labels_worth(start[::24], start[::24] + 24) == pytest.approx(100.0)
    # Weights without memory see a new outcome in each label, however much the labels overlap.
    coins = np.random.default_rng(0).choice([-1.0, 1.0], 2_400)
    assert labels_worth(start, start + 24, coins) == pytest.approx(2_400.0, rel=0.25)
    # A second pair over the same time is no second outcome.
    assert labels_worth(np.tile(start, 2), np.tile(start, 2) + 24) == pytest.approx(100.0, rel=0.05)
    assert labels_worth(start[:0], start[:0]) == 0.0


def _lasting(rng: np.random.Generator, size: int, bars: int) -> np.ndarray:
    """Draw what overlapping labels of white noise look like, of deviation one."""
    return np.convolve(rng.standard_normal(size + bars - 1), np.ones(bars) / np.sqrt(bars), "valid")


def test_pairs_that_lean_against_each_other_are_worth_no_more_than_pairs_that_share_nothing() -> None:
    rng = np.random.default_rng(6)
    start = np.arange(500, dtype=np.int64)
    lean, end = _lasting(rng, 500, 24), start + 24
    one, twice = labels_worth(start, end, lean), np.tile(start, 2)
    assert labels_worth(twice, twice + 24, np.concatenate([lean, -lean])) == pytest.approx(2.0 * one)
    assert labels_worth(twice, twice + 24, np.concatenate([lean, lean])) == pytest.approx(one)
    # Ranks across pairs add up to nothing at any time.
    ranks = np.argsort(np.argsort([_lasting(rng, 500, 24) for _ in range(6)], axis=0), axis=0) - 2.5
    six, single = np.tile(start, 6), [labels_worth(start, end, each) for each in ranks]
    assert min(single) < labels_worth(six, six + 24, ranks.ravel()) <= 1.001 * sum(single)


@pytest.mark.parametrize("pairs", [2, 6])
def test_forecasts_of_one_pair_against_another_are_shrunk_as_well(pairs: int) -> None:
    rng, slopes = np.random.default_rng(7), []
    start = np.tile(np.arange(500, dtype=np.int64), pairs)
    for _ in range(20):
        lean = np.array([_lasting(rng, 500, 24) for _ in range(pairs)])
        lean -= lean.mean(axis=0)
        market = _lasting(rng, 500, 24)
        came = 200.0 * np.array([0.8 * market + 0.6 * _lasting(rng, 500, 24) for _ in range(pairs)])
        rows = Unseen(5.0 * lean.ravel(), came.ravel(), start, start + 24)
        slopes.append(shrunk_line(rows, KnownReturns(0.0, 0.0, 60.0))[0])
    # Nothing is foreseen: a slope above the one that bold learners are allowed is as rare as two errors are.
    assert np.isfinite(slopes).all()
    assert np.quantile(slopes, 0.9) <= 1.0 + 1e-9


def test_what_labels_are_worth_is_the_variance_of_means_of_white_noise() -> None:
    rng = np.random.default_rng(4)
    start = np.sort(rng.integers(0, 400, 300)).astype(np.int64)
    length = rng.integers(1, 40, 300)
    w = rng.standard_normal(300).cumsum()
    noise = np.pad(rng.standard_normal((4_000, 440)), ((0, 0), (1, 0))).cumsum(axis=1)
    came = (noise[:, start + length] - noise[:, start]) / np.sqrt(length)
    spread = float((came @ w / (w**2).sum()).var() * (w**2).sum() / 1.0)
    assert labels_worth(start, start + length, w) == pytest.approx((w**2).sum() / spread, rel=0.1)


def test_with_many_labels_the_line_is_that_of_least_squares() -> None:
    told, came = _bold(400_000)
    slope, intercept = shrunk_line(_rows(told, came), KnownReturns(50.0, -50.0, 100.0))
    free = np.polyfit(told, came, 1)
    assert slope == pytest.approx(free[0], rel=0.02)
    assert intercept == pytest.approx(free[1], abs=0.5)


def test_noise_never_reverses_the_ranking_of_returns() -> None:
    told, came = _bold(500, skill=0.3)
    slope, _ = shrunk_line(_rows(-told, came), NOTHING)
    assert 0.0 < slope * told.std() / came.std() < 0.02


def test_few_labels_leave_the_level_of_a_market_that_nothing_is_known_of() -> None:
    rng = np.random.default_rng(0)
    told, came = rng.standard_normal(240), 100.0 * rng.standard_normal(240) + 60.0
    slope, intercept = shrunk_line(_rows(told, came, bars=24), KnownReturns(30.0, float(told.mean()), 100.0))
    # Ten labels of deviation 100 have a mean of 60 with an error of 32, a hundred a mean of 30 with one of 10: both are
    # luck rather than a drift.
    assert 0.0 < slope * told.mean() + intercept < 10.0


def test_constant_forecasts_say_the_shrunk_mean() -> None:
    came = np.random.default_rng(1).standard_normal(200) * 50.0
    slope, intercept = shrunk_line(_rows(np.full(200, 9.0), came), KnownReturns(3.0, 9.0, 50.0))
    assert slope == 0.0
    assert min(0.0, came.mean()) <= intercept <= max(3.0, came.mean())
    assert shrunk_line(_rows(np.full(5, 9.0), np.zeros(5)), NOTHING) == (0.0, 0.0)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_returns_that_do_not_vary_leave_the_level_of_the_fitted_rows(size: int) -> None:
    known = KnownReturns(30.0, 0.0, 100.0)
    rows = _rows(np.linspace(1.0, 2.0, size), np.full(size, 300.1), bars=24)
    assert shrunk_line(rows, known) == (0.0, known.level)
    assert 0.0 < known.level < 1.0


@pytest.mark.parametrize(("bars", "size"), [(24, 300), (24, 3_000), (1, 3_000)])
@pytest.mark.parametrize("calibrated", [False, True])
def test_the_line_is_the_posterior_mean_that_it_says_it_is(bars: int, size: int, calibrated: bool) -> None:
    told, came = _bold(size, skill=0.06)
    rows, known = _rows(told, came, bars=bars), KnownReturns(8.0, 4.0, 90.0, (0.04, 200.0), calibrated)
    slope, intercept = shrunk_line(rows, known)
    centre, unit, spread = told.mean(), told.std(), came.std()
    z, y = (told - centre) / unit, came / spread
    free = float(z @ (y - y.mean()) / size)
    error = (y - y.mean() - free * z).std() / np.sqrt(
        [labels_worth(rows.start, rows.end), labels_worth(rows.start, rows.end, z)]
    )
    # A plain sum over a grid so fine and wide that nothing depends on it.
    slopes, levels = np.linspace(0.0, 1.0, 3_001)[:, None], np.linspace(-1.0, 1.0, 4_001)[None, :]
    log = -0.5 * (
        ((slopes - free) / error[1]) ** 2 + 60.0 * (slopes - 0.04) ** 2 + ((levels - y.mean()) / error[0]) ** 2
    )
    log -= (
        0.5 * (90.0 + 0.03**-2) * (slopes - unit / spread) ** 2
        if calibrated
        else 2.0 * np.log1p((slopes / 0.05) ** 2 / 3)
    )
    shrunk = known.level / spread + slopes * (centre - 4.0) / unit
    log -= 2.0 * np.log1p((levels - shrunk) ** 2 * (90.0 + 1e4) / 3.0)
    belief = np.exp(log - log.max())
    belief[[0, -1]] /= 2.0
    belief /= belief.sum()
    assert slope == pytest.approx(float((belief * slopes).sum()) * spread / unit, rel=0.01)
    assert intercept + slope * centre == pytest.approx(
        float((belief * levels).sum()) * spread, abs=0.02 * spread * 0.01
    )


def test_what_a_learner_calibrated_itself_is_left_as_it_is_unless_much_speaks_against_it() -> None:
    rng = np.random.default_rng(5)
    said = 5.0 * rng.standard_normal(6_000)
    came, drift = said + 100.0 * rng.standard_normal(6_000), KnownReturns(0.0, 0.0, 150.0)
    itself = known_of_learner("horizons", drift)
    few, many = _rows(said[:240], came[:240], bars=24), _rows(said, came)
    assert shrunk_line(few, itself)[0] == pytest.approx(1.0, abs=0.25)
    assert shrunk_line(few, drift)[0] < shrunk_line(few, itself)[0]
    assert shrunk_line(_rows(4.0 * said, came), itself)[0] < 0.5
    assert shrunk_line(_rows(said / 4.0, came), itself)[0] > 1.5
    assert shrunk_line(many, itself)[0] == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("mean", [-6.0, -1.5, 0.0, 3.0])
@pytest.mark.parametrize("calibrated", [False, True])
def test_a_slope_that_is_capped_takes_the_level_that_belongs_to_it(mean: float, calibrated: bool) -> None:
    rng = np.random.default_rng(8)
    told, came = mean + 0.4 * rng.standard_normal(350), 350.0 * rng.standard_normal(350)
    came -= came.mean()
    slope, intercept = shrunk_line(_rows(told, came, bars=16), KnownReturns(0.0, 0.0, 20.0, calibrated=calibrated))
    # Nothing but the forecast's own lean speaks for a level: it counts as often as the slope says, and no more.
    prior, inner = slope * told.mean(), 0.0
    assert slope <= 2.0
    assert min(prior, inner) - 0.1 <= slope * told.mean() + intercept <= max(prior, inner) + 0.1
    steep, moved = shrunk_line(_rows(told, came, bars=16), KnownReturns(0.0, 0.0, 20.0), boldest=1.5, steepest=0.5)
    assert steep == pytest.approx(0.5)
    assert min(0.5 * mean, inner) - 0.1 <= 0.5 * told.mean() + moved <= max(0.5 * mean, inner) + 0.1


@pytest.mark.parametrize("plain", [(0.0, 0.0), (0.1, 2_000.0), (0.5, 5_000.0)])
def test_the_level_of_a_capped_slope_lies_between_what_speaks_for_one(plain: tuple[float, float]) -> None:
    rng, capped = np.random.default_rng(9), 0
    for _ in range(40):
        bars, size = int(rng.choice([4, 16, 24])), int(rng.choice([350, 1_000]))
        deviation = float(rng.choice([0.016, 0.4, 2.0]))
        told = deviation * (rng.choice([-5.0, -1.0, 0.5, 2.0]) + _lasting(rng, size, bars))
        came = 200.0 * _lasting(rng, size, bars)
        slope, intercept = shrunk_line(
            _rows(told, came, bars=bars), KnownReturns(0.0, 0.0, 3.0 * size / bars, plain), boldest=1.5, steepest=1.5
        )
        prior, inner, level = slope * told.mean(), came.mean(), slope * told.mean() + intercept
        assert min(prior, inner) - 0.02 * 200.0 <= level <= max(prior, inner) + 0.02 * 200.0
        capped += slope == pytest.approx(1.5)
    assert capped > 10


def test_what_a_plain_line_foresaw_is_believed_where_the_calibration_rows_know_little() -> None:
    told, came = _bold(240, skill=0.3)
    rows = _rows(told, came, bars=24)
    slopes = [shrunk_line(rows, KnownReturns(0.0, 7.0, 100.0, (plain, 200.0)))[0] for plain in (0.0, 0.2, 0.4)]
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[2] > 1.5 * slopes[0]


def test_a_walk_forward_keeps_raw_and_calibrated_returns_and_the_line_between(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    bold = resolve("lightgbm", {"n_estimators": 100, "learning_rate": 0.2, "min_child_samples": 5})
    result = run(panel_of(edge=0.1), replace(settings_of("lightgbm", n_classes=0), hyperparameters=bold))
    lines = result.preprocessing[result.preprocessing["stage"] == "calibration"].set_index("fold")
    assert len(lines) == len(result.folds)
    table = result.predictions
    a, b = (table["fold"].map(lines[name]).to_numpy() for name in ("a", "b"))
    assert np.array_equal(a * table["expected_raw_bps"] + b, table["expected_bps"])
    test = metrics.out_of_sample_rows(table)
    came = test["forward_return"].to_numpy() * 1e4
    raw, after = (_slope(test[name].to_numpy(), came) for name in ("expected_raw_bps", "expected_bps"))
    assert raw < 0.4  # trees of five rows each on a month of noise are far too bold
    assert abs(after - 1.0) < abs(raw - 1.0)


def test_none_leaves_the_learners_returns_as_they_are(panel_of: PanelOf, settings_of: SettingsOf) -> None:
    plain = replace(settings_of("ridge", n_classes=0), calibration="none")
    result = run(panel_of(edge=0.1), plain)
    assert "calibration" not in set(result.preprocessing["stage"])
    assert result.predictions["expected_raw_bps"].equals(result.predictions["expected_bps"].rename("expected_raw_bps"))
