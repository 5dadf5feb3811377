"""Expected returns: their calibration is fitted again from the inner rows, and what came of them is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.recompute import recompute_signal
from crypto_team.gates.registry import run_check
from crypto_team.models.return_lines import Unseen
from crypto_team.schemas.gate import CheckResult
from crypto_team.validation.calibration_of_returns import fit_return_calibrator
from crypto_team.validation.clusters import sandwich
from crypto_team.validation.expected_returns import FINAL, RAW, realised_on_expected
from crypto_team.validation.horizon_returns import horizons_in
from crypto_team.validation.trained_with import changed_since


def changed(case: Case, **columns: Callable[..., object] | float) -> Case:
    assert case.predictions is not None
    return replace(case, predictions=case.predictions.assign(**columns))  # type: ignore[arg-type]


def without_raw(case: Case, **meta: str) -> Case:
    assert case.predictions is not None
    assert case.meta is not None
    bare = case.predictions.drop(columns=RAW)
    return replace(case, predictions=bare, meta=case.meta.model_copy(update=meta))


def calibrated_on_test(case: Case) -> Case:
    assert case.predictions is not None
    frame = case.predictions.copy()
    for number in frame["fold"].unique():
        rows = ((frame["fold"] == number) & (frame["part"] == "test")).to_numpy()
        known = frame[rows & frame["forward_return"].notna().to_numpy()]
        times = np.arange(len(known), dtype=np.int64)
        seen = Unseen(known[RAW].to_numpy(), known["forward_return"].to_numpy() * 1e4, times, times + 1)
        fitted = fit_return_calibrator(seen, "isotonic")
        frame.loc[rows, FINAL] = fitted.apply(frame.loc[rows, [RAW]].to_numpy())[:, 0]
    return replace(case, predictions=frame)


def other_line(case: Case) -> Case:
    assert case.preprocessing is not None
    frame = case.preprocessing.copy()
    frame.loc[frame["stage"] == "calibration", "a"] *= 1.5
    return replace(case, preprocessing=frame)


@pytest.mark.parametrize("code", ["LK001", "LK004", "LK005", "LK006", "LK008", "OF008"])
def test_an_honest_regression_passes(honest_regression: Case, code: str) -> None:
    result = run_check(code, honest_regression)
    assert result.outcome == "passed", result.explanation


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (calibrated_on_test, "expected returns"),
        (lambda c: changed(c, expected_raw_bps=lambda f: f[RAW] * 1.5), "refitted on the inner rows changes"),
        (lambda c: changed(c, expected_bps=lambda f: f[FINAL] + 1.0), "refitted on the inner rows changes"),
        (other_line, "slope and intercept of expected_bps are stored as"),
        (without_raw, "expected_raw_bps is missing"),
        (lambda c: replace(c, meta=c.meta.model_copy(update={"calibration": "platt"})), "calibrates probabilities"),  # type: ignore[union-attr]
    ],
)
def test_returns_calibrated_otherwise_are_refused(
    honest_regression: Case, tamper: Callable[[Case], Case], says: str
) -> None:
    result = run_check("LK005", tamper(honest_regression))
    assert result.outcome == "refused", result.explanation
    assert says in result.explanation


@pytest.mark.parametrize("code", ["LK004", "LK005", "LK008", "OF008"])
def test_every_horizon_of_a_set_is_calibrated_and_passes(honest_horizons: Case, code: str) -> None:
    assert honest_horizons.predictions is not None
    assert horizons_in(list(honest_horizons.predictions.columns)) == [2, 4, 8]
    result = run_check(code, honest_horizons)
    assert result.outcome == "passed", result.explanation


def other_line_of_a_horizon(case: Case) -> Case:
    assert case.preprocessing is not None
    frame = case.preprocessing.copy()
    frame.loc[frame["feature"] == "expected_bps_8", "b"] += 5.0
    return replace(case, preprocessing=frame)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda c: changed(c, expected_bps_2=lambda f: f["expected_bps_2"] * 2.0), "(expected_bps_2)"),
        (lambda c: changed(c, expected_raw_bps_8=lambda f: f["expected_raw_bps_8"] * 2.0), "(expected_bps_8)"),
        (other_line_of_a_horizon, "slope and intercept of expected_bps_8"),
        (lambda c: changed(c, expected_bps_5=1.0, expected_raw_bps_5=1.0), "is of no horizon of the target"),
    ],
)
def test_horizons_calibrated_otherwise_are_refused(
    honest_horizons: Case, tamper: Callable[[Case], Case], says: str
) -> None:
    result = run_check("LK005", tamper(honest_horizons))
    assert result.outcome == "refused", result.explanation
    assert says in result.explanation


def test_evidence_of_earlier_versions_has_neither_raw_returns_nor_a_calibration(honest_regression: Case) -> None:
    assert run_check("LK005", without_raw(honest_regression, calibration="none")).outcome == "passed"


def test_a_regression_that_was_named_calibrated_but_was_not_is_to_be_trained_again(honest_regression: Case) -> None:
    meta, spec = honest_regression.meta, honest_regression.spec
    assert meta is not None
    assert spec is not None
    assert changed_since(meta, spec, honest_regression.features) == []
    older = meta.model_copy(update={"calibration": "none"})
    (line,) = changed_since(older, spec, honest_regression.features)
    assert line == 'model.calibration is "shrunk", trained with "none"'


def scaled(case: Case, factor: float) -> CheckResult:
    return run_check("OF008", changed(case, expected_bps=lambda frame: frame[FINAL] * factor))


def test_the_slope_of_realised_on_expected_returns_decides(honest_regression: Case) -> None:
    honest = run_check("OF008", honest_regression)
    low, high = honest.numbers["slope_low"], honest.numbers["slope_high"]
    assert low < 1.0 < high
    bold = scaled(honest_regression, 20.0)
    assert bold.numbers["slope_high"] == pytest.approx(high / 20.0)
    assert bold.outcome == "refused"
    assert "(returns are too bold)" in bold.explanation
    assert "slope of realised on expected returns" in bold.explanation


def test_a_regression_is_judged_by_its_basis_points_and_not_by_the_odds_that_its_signal_implies(
    honest_regression: Case,
) -> None:
    quiet = changed(
        honest_regression, forward_return=lambda f: np.where(f["part"] == "inner", 0.05, 1.0) * f["forward_return"]
    )
    implied = [recompute_signal(case.predictions).std() for case in (honest_regression, quiet)]  # type: ignore[arg-type]
    assert implied[1] > 5.0 * implied[0]
    assert run_check("OF008", quiet) == run_check("OF008", honest_regression)


def test_basis_points_that_lie_beside_what_comes_are_refused(honest_regression: Case) -> None:
    assert honest_regression.predictions is not None
    came = honest_regression.predictions["forward_return"] * 1e4
    # 0.4 deviations too high in every row: the slope knows nothing of it, the error is 0.4 / sqrt(2 pi).
    beside = run_check("OF008", changed(honest_regression, expected_bps=lambda frame: frame[FINAL] + 0.4 * came.std()))
    honest = run_check("OF008", honest_regression)
    assert beside.outcome == "refused"
    assert beside.numbers["slope_high"] == pytest.approx(honest.numbers["slope_high"])
    assert "calibration error 0.1" in beside.explanation
    assert " bps; slope of realised on expected returns" in beside.explanation
    assert beside.numbers["brier_high"] < 0.0


def test_a_regression_that_does_not_say_what_it_expects_is_not_judged(honest_regression: Case) -> None:
    silent = changed(honest_regression, expected_bps=lambda frame: np.full(len(frame), np.nan))
    result = run_check("OF008", silent)
    assert result.outcome == "not_enough_evidence"
    # Rows are not what is missing.
    assert "state none (expected_bps)" in result.explanation
    assert "more" not in result.explanation


def test_positions_are_not_sized_by_returns_that_nobody_calibrated(honest_regression: Case) -> None:
    assert honest_regression.meta is not None
    sized = honest_regression.meta.signal.model_copy(update={"position_sizing": "confidence_weighted"})
    meta = honest_regression.meta.model_copy(update={"calibration": "none", "signal": sized})
    result = run_check("OF008", replace(honest_regression, meta=meta))
    assert result.outcome == "refused"
    assert "nobody calibrated" in result.explanation


def test_constant_expectations_have_no_slope(honest_regression: Case) -> None:
    flat = changed(honest_regression, expected_bps=lambda frame: np.full(len(frame), 3.0))
    assert run_check("OF008", flat).outcome == "not_enough_evidence"


def test_the_error_of_the_slope_counts_groups_not_rows() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    told = np.repeat(rng.standard_normal(60), 10)
    came = 0.5 * told + np.repeat(rng.standard_normal(60), 10)
    line = realised_on_expected(told, came)
    # Sixty independent pairs: the error of the slope is 1 / sqrt(60) times the ratio of deviations, not 1 / sqrt(600).
    assert sandwich(line.design, line.design, line.rest, 2 * groups) == pytest.approx(1.0 / np.sqrt(60.0), rel=0.35)
    assert sandwich(line.design, line.design, line.rest, 2 * np.arange(600)) < 0.5 * sandwich(
        line.design, line.design, line.rest, 2 * groups
    )
