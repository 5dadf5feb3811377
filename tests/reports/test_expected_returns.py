"""What a regression expects is set against what came, with errors that know of overlaps and of pairs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.recompute import recompute_signal
from crypto_team.reports.charts_confidence import expected_returns as drawn
from crypto_team.reports.confidence import calibration, forecasts
from crypto_team.reports.expected_returns import ExpectedReturns, expected_returns
from crypto_team.reports.limitations import limitations
from crypto_team.reports.ml_report import numbers_in, render_ml_report
from crypto_team.reports.report_data import TrialLedger, report_data
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec, Target


@pytest.fixture
def meta(evidence: Any) -> EvidenceMeta:
    target = Target(type="regression", kind="return", definition="bps", horizon="1h", horizon_bars=1)
    return evidence.meta.model_copy(update={"target": target})  # type: ignore[no-any-return]


def rows_of(evidence: Any, *, bold: float = 4.0, seed: int = 2) -> pd.DataFrame:
    """Return predictions whose calibrated returns come true and whose raw ones are `bold` times too large."""
    rows = evidence.tables.predictions.drop(columns=["p_raw_0", "p_raw_1", "p_0", "p_1"])
    rng = np.random.default_rng(seed)
    told = 20.0 * rng.standard_normal(len(rows))
    came = told + 60.0 * rng.standard_normal(len(rows))
    return rows.assign(expected_raw_bps=bold * told, expected_bps=told, forward_return=came / 1e4, label=came)


def found_in(meta: EvidenceMeta, rows: pd.DataFrame) -> ExpectedReturns:
    found = expected_returns(meta, rows)
    assert found is not None
    return found


def test_slopes_before_and_after_calibration_are_those_of_least_squares(evidence: Any, meta: EvidenceMeta) -> None:
    rows = rows_of(evidence)
    test = rows[rows["part"] == "test"]
    found = found_in(meta, rows)
    told, came = test["expected_bps"].to_numpy(), test["forward_return"].to_numpy() * 1e4
    assert (found.slope, found.intercept) == pytest.approx(tuple(np.polyfit(told, came, 1)))
    assert found.slope_raw == pytest.approx(found.slope / 4.0)
    assert found.slope_low < 1.0 < found.slope_high
    # White noise in 3,600 bars of two pairs: the error is that of independent rows.
    single = found_in(meta, rows.assign(fold=0))
    assert single.slope_high - found.slope == pytest.approx(1.96 * 3.0 / np.sqrt(found.rows), rel=0.15)
    assert found.error_raw > 4.0 * found.error


def test_lines_that_err_from_fold_to_fold_widen_the_interval(evidence: Any, meta: EvidenceMeta) -> None:
    rows = rows_of(evidence)
    folds = rows["fold"].to_numpy()
    times = np.interp(folds, [folds.min(), folds.max()], [-1.0, 1.0])
    rows["forward_return"] += 2.0 * times * rows["expected_bps"] / 1e4
    unlike, alike = (found_in(meta, each) for each in (rows, rows.assign(fold=0)))
    assert unlike.slope_high - unlike.slope_low > 2.0 * (alike.slope_high - alike.slope_low)


def test_the_limitations_of_a_regression_are_those_of_its_returns(
    evidence: Any, meta: EvidenceMeta, trials: TrialLedger
) -> None:
    def told(factor: float) -> str:
        rows = rows_of(evidence)
        rows = rows.assign(expected_bps=factor * rows["expected_bps"], expected_bps_3=-rows["expected_bps"])
        tables = SimpleNamespace(**{**vars(evidence.tables), "predictions": rows.assign(expected_raw_bps_3=1.0)})
        return "\n".join(limitations(meta, report_data(meta, tables, trials)))  # type: ignore[arg-type]

    assert "Expected returns are too bold: the slope of realised on expected returns is 0.1" in told(10.0)
    assert "Expected returns are too timid: the slope" in told(0.1)
    honest = told(1.0)
    assert "Expected returns" not in honest
    assert "probabilities" not in honest
    assert ("Returns expected over 3 bars point the wrong way" in honest) == ("3 bars" in honest)


@pytest.mark.parametrize(("interval", "sure"), [((-0.9, 0.7), False), ((-0.9, 1.4), False), ((-0.18, -0.02), True)])
def test_returns_point_the_wrong_way_for_sure_only_where_the_interval_says_so(
    evidence: Any, meta: EvidenceMeta, trials: TrialLedger, interval: tuple[float, float], sure: bool
) -> None:
    tables = SimpleNamespace(**{**vars(evidence.tables), "predictions": rows_of(evidence)})
    data = report_data(meta, tables, trials)  # type: ignore[arg-type]
    assert data.expected is not None
    found = replace(data.expected, slope=-0.1, slope_low=interval[0], slope_high=interval[1])
    told = "\n".join(limitations(meta, replace(data, expected=found)))
    assert "Expected returns point the wrong way" in told
    assert ("wrong way, which may be luck: the slope" in told) is not sure


def test_pairs_that_are_copies_count_once(evidence: Any, meta: EvidenceMeta) -> None:
    rows = rows_of(evidence)
    one = rows[rows["pair"] == "BTC/USDT"]
    both = pd.concat([one, one.assign(pair="ETH/USDT")], ignore_index=True)
    single, twice = (found_in(meta, each) for each in (one, both))
    assert twice.rows == 2 * single.rows
    assert twice.slope_high - twice.slope == pytest.approx(single.slope_high - single.slope)


def test_tenths_are_means_of_equal_parts_in_the_order_of_the_forecasts(evidence: Any, meta: EvidenceMeta) -> None:
    found = found_in(meta, rows_of(evidence))
    assert len(found.tenths) == len(found.tenths_raw) == 10
    assert sum(one.rows for one in found.tenths) == found.rows
    assert [one.forecast for one in found.tenths] == sorted(one.forecast for one in found.tenths)
    inside = sum(one.low < one.forecast < one.high for one in found.tenths)
    assert inside >= 8
    assert sum(one.low < one.forecast < one.high for one in found.tenths_raw) <= 2


def test_evidence_without_raw_returns_has_no_numbers_before(evidence: Any, meta: EvidenceMeta) -> None:
    rows = rows_of(evidence)
    bare, whole = found_in(meta, rows.drop(columns="expected_raw_bps")), found_in(meta, rows)
    assert np.isnan([bare.slope_raw, bare.intercept_raw, bare.spread_raw, bare.error_raw]).all()
    assert bare.tenths_raw == ()
    assert (bare.slope, bare.tenths) == (whole.slope, whole.tenths)
    assert b"raw, slope" not in drawn(bare)
    assert b"raw, slope" in drawn(whole)


def test_classes_have_no_expected_returns(evidence: Any) -> None:
    assert expected_returns(evidence.meta, evidence.tables.predictions) is None


def test_the_report_shows_slopes_and_tenths(
    evidence: Any, meta: EvidenceMeta, trials: TrialLedger, spec: MlSpec, features: FeatureSet
) -> None:
    rows = rows_of(evidence)
    rows = rows.assign(expected_raw_bps_3=4.0 * rows["expected_bps"], expected_bps_3=rows["expected_bps"])
    tables = SimpleNamespace(**{**vars(evidence.tables), "predictions": rows})
    data = report_data(meta, tables, trials)  # type: ignore[arg-type]
    text = render_ml_report(spec, features, meta, data, {"expected_returns": "p.svg"})
    assert data.expected is not None
    assert "Slope of realised on expected, 95 % interval | 0.2" in text
    assert "| 10 | +" in text
    assert "p.svg" in text
    (three,) = data.expected.horizons
    assert three.slope_raw == pytest.approx(three.slope / 4.0)
    assert f"| 3 | {three.slope_raw:.2f}".replace("-", "−") in text
    assert numbers_in(text)["expected_returns.slope"] == pytest.approx(data.expected.slope)


def test_the_signal_before_calibration_is_that_of_the_raw_returns(evidence: Any, meta: EvidenceMeta) -> None:
    rows = rows_of(evidence, bold=1.0)
    raw, _, _ = forecasts(rows)
    test = rows[rows["part"] == "test"]
    # What recomputes the signal of the final returns gives that of equal raw ones.
    assert raw == pytest.approx(recompute_signal(rows)[(rows["part"] == "test").to_numpy()])
    assert raw.size == len(test)
    assert np.isnan(forecasts(rows.drop(columns="expected_raw_bps"))[0]).all()
    bold = calibration(rows_of(evidence, bold=4.0).assign(signal=recompute_signal(rows)))
    assert bold.slope_raw < 0.5 < bold.slope < 1.5
    assert bold.brier_raw > bold.brier
