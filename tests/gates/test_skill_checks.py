"""Skill, importance, calibration and luck: honest edges pass, noise and the known ways to overfit do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case, LedgerView
from crypto_team.gates.registry import run_check
from crypto_team.schemas.gate import CheckResult
from crypto_team.validation.significance import expected_maximum_sharpe

CODES = (
    "OF001", "OF002", "OF003", "OF004", "OF005", "OF006", "OF007", "OF008", "OF009", "OF010", "OF013", "OF017",
)  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_an_honest_edge_passes(honest: Case, code: str) -> None:
    result = run_check(code, honest)
    assert result.outcome == "passed", result.explanation


@pytest.mark.parametrize("code", ["OF003", "OF004", "OF010", "OF017", "PF001", "PF002", "PF009"])
def test_noise_does_not_pass(noise_case: Case, code: str) -> None:
    assert run_check(code, noise_case).outcome != "passed"


def importances(case: Case, values: dict[str, float] | None = None, *, flat: int = 0) -> Case:
    shares = values or {f"f{number}": 1.0 / flat for number in range(flat)}
    rows = [(fold, name, "gain", value) for fold in range(6) for name, value in shares.items()]
    return replace(case, importances=pd.DataFrame(rows, columns=["fold", "feature", "kind", "value"]))


def shuffled_importances(case: Case) -> Case:
    rng = np.random.default_rng(3)
    rows = [
        (fold, f"f{number}", "gain", value)
        for fold in range(6)
        for number, value in enumerate(rng.permutation(np.arange(1.0, 31.0) ** 2))
    ]
    return replace(case, importances=pd.DataFrame(rows, columns=["fold", "feature", "kind", "value"]))


def too_many_selected(case: Case) -> Case:
    assert case.meta is not None
    first = case.meta.folds[0].model_copy(update={"selected": [f"f{number}" for number in range(51)]})
    return replace(case, meta=case.meta.model_copy(update={"folds": [first]}))


def inner_in_sample(case: Case) -> Case:
    """Make inner predictions as good as those of a model that was fitted on the very same rows."""
    assert case.predictions is not None
    frame = case.predictions.copy()
    inner = (frame["part"] == "inner").to_numpy()
    frame.loc[inner, "p_1"] = 0.5 + 0.2 * (frame.loc[inner, "label"] - 0.5) + frame.loc[inner, "p_1"] * 0.01
    frame["p_0"] = 1.0 - frame["p_1"]
    return replace(case, predictions=frame)


def signals(case: Case, make: Callable[[pd.DataFrame], object]) -> Case:
    assert case.predictions is not None
    frame = case.predictions.copy()
    frame["p_1"] = make(frame)
    frame["p_0"] = 1.0 - frame["p_1"]
    return replace(case, predictions=frame)


def one_lucky_fold(case: Case) -> Case:
    rng = np.random.default_rng(0)

    def make(frame: pd.DataFrame) -> object:
        lucky = np.where(frame["fold"] == 2, 0.3 * (frame["label"].fillna(0.5) - 0.5), 0.0)
        return 0.5 + lucky + 0.05 * rng.standard_normal(len(frame)) - 0.002 * (frame["label"].fillna(0.5) - 0.5)

    return signals(case, make)


def noise_table(correlation: float, noisy: float) -> pd.DataFrame:
    rows = [(fold, 0, correlation, 0.1, noisy) for fold in range(6)]
    columns = ["fold", "repeat", "signal_rank_correlation", "skill_base", "skill_noisy"]
    return pd.DataFrame(rows, columns=columns)


def two_camps(frame: pd.DataFrame) -> object:
    rng = np.random.default_rng(1)
    return np.where(rng.random(len(frame)) < 0.5, 0.2, 0.8) + 0.03 * rng.standard_normal(len(frame))


@pytest.mark.parametrize(
    ("code", "tamper", "outcome"),
    [
        ("OF001", lambda c: importances(c, flat=40), "refused"),
        ("OF001", shuffled_importances, "passed"),
        ("OF002", lambda c: importances(c, {"a": 0.31, "b": 0.3, "c": 0.39}), "refused"),
        ("OF002", lambda c: importances(c, {"a": 0.3, "b": 0.3, "c": 0.2, "d": 0.2}), "passed"),
        ("OF003", inner_in_sample, "refused"),
        ("OF004", one_lucky_fold, "refused"),
        ("OF005", lambda c: replace(c, noise=noise_table(0.6, 0.1)), "refused"),
        ("OF005", lambda c: replace(c, noise=noise_table(0.9, 0.04)), "refused"),
        ("OF005", lambda c: replace(c, noise=noise_table(0.9, 0.08)), "passed"),
        ("OF005", lambda c: replace(c, noise=noise_table(float("nan"), 0.08)), "not_enough_evidence"),
        ("OF006", lambda c: signals(c, two_camps), "refused"),
        ("OF006", lambda c: signals(c, lambda frame: 0.5), "not_enough_evidence"),
        ("OF007", shuffled_importances, "refused"),
        ("OF008", lambda c: signals(c, lambda f: np.where(f["p_1"] > 0.5, 0.95, 0.05)), "refused"),
        ("OF008", lambda c: signals(c, lambda f: 1.0 - f["p_1"]), "refused"),
        ("OF009", too_many_selected, "refused"),
        ("OF010", lambda c: replace(c, ledger=LedgerView(5000, (-0.3, 0.0, 0.5), chain_ok=True)), "refused"),
        ("OF017", lambda c: replace(c, ledger=LedgerView(5000, (-0.3, 0.0, 0.5), chain_ok=True)), "refused"),
        ("OF013", lambda c: signals(c, lambda f: 1.0 - f["p_1"]), "refused"),
    ],
)
def test_overfit_evidence_does_not_pass(honest: Case, code: str, tamper: Callable[[Case], Case], outcome: str) -> None:
    result = run_check(code, tamper(honest))
    assert result.outcome == outcome, result.explanation


def timid(case: Case) -> Case:
    """Say 60 % where the event follows in 90 % of the rows: informative, ordered, and far from calibrated."""
    rng = np.random.default_rng(6)

    def make(frame: pd.DataFrame) -> object:
        right = rng.random(len(frame)) < 0.9
        return np.where(right == (frame["label"].fillna(0.0) > 0.5), 0.6, 0.4)

    return signals(case, make)


ANYTHING = {"error": 1.0, "flattest": -100.0, "steepest": 1000.0}


@pytest.mark.parametrize(
    ("tamper", "settings"),
    [
        (timid, {**ANYTHING, "error": 0.05}),
        (timid, {**ANYTHING, "steepest": 3.0}),
        (lambda c: signals(c, lambda f: 1.0 - f["p_1"]), {**ANYTHING, "flattest": 0.3}),
        (lambda c: signals(c, lambda f: 1.0 - f["p_1"]), ANYTHING),
    ],
    ids=["error", "too timid", "wrong way", "worse than the base rate"],
)
def test_each_half_of_calibration_refuses_alone(
    honest: Case, tamper: Callable[[Case], Case], settings: dict[str, float]
) -> None:
    assert run_check("OF008", tamper(honest), settings).outcome == "refused"


def test_a_timid_but_informative_forecast_passes_where_nothing_is_asked(honest: Case) -> None:
    assert run_check("OF008", timid(honest), ANYTHING).outcome == "passed"


def test_calibration_is_measured_whatever_was_done_for_it(honest: Case) -> None:
    assert honest.meta is not None
    raw = replace(honest, meta=honest.meta.model_copy(update={"calibration": "none"}))
    assert run_check("OF008", raw) == run_check("OF008", honest)


def test_positions_are_not_sized_by_probabilities_that_nobody_calibrated(honest: Case) -> None:
    assert honest.meta is not None
    sized = honest.meta.signal.model_copy(update={"position_sizing": "confidence_weighted"})
    raw = replace(honest, meta=honest.meta.model_copy(update={"calibration": "none", "signal": sized}))
    result = run_check("OF008", raw)
    assert result.outcome == "refused"
    assert "meta.yaml: calibration, signal" in result.evidence


@pytest.mark.parametrize(
    ("shares", "outcome"),
    [
        ((0.20, 0.42, 0.30, 0.34, 0.26), "passed"),
        ((0.36, 0.37, 0.36, 0.35, 0.36), "refused"),
        ((0.30, 0.70, 0.45, 0.60, 0.40), "refused"),
    ],
)
def test_a_share_just_above_the_limit_is_held_against_what_folds_differ_by(
    honest: Case, shares: tuple[float, ...], outcome: str
) -> None:
    rows = [(fold, name, "gain", value) for fold, first in enumerate(shares) for name, value in
            {"a": first, **{f"r{k}": (1.0 - first) / 8 for k in range(8)}}.items()]  # fmt: skip
    table = pd.DataFrame(rows, columns=["fold", "feature", "kind", "value"])
    result = run_check("OF002", replace(honest, importances=table, features_sample=None))
    assert result.outcome == outcome, result.explanation


def test_one_series_under_many_names_counts_as_one(honest: Case) -> None:
    rng = np.random.default_rng(8)
    series = rng.standard_normal(400)
    names = [f"copy_{number}" for number in range(5)]
    copies = {name: series + 0.2 * rng.standard_normal(400) for name in names}
    copies["copy_4"] = np.exp(-4.0 * copies["copy_4"])
    others = {f"own_{number}": rng.standard_normal(400) for number in range(5)}
    sample = pd.DataFrame({"time": range(400), "pair": ["A/B", "C/D"] * 200, **copies, **others})

    def judged(share: float) -> CheckResult:
        shares = dict.fromkeys(names, share / 5) | dict.fromkeys(others, (1.0 - share) / 5)
        return run_check("OF002", replace(importances(honest, shares), features_sample=sample))

    lies, fair = judged(0.55), judged(0.45)
    assert (lies.outcome, lies.value) == ("refused", pytest.approx(0.55))
    assert "copy_4" in lies.explanation
    assert (fair.outcome, fair.value) == ("passed", pytest.approx(0.11))


def test_what_helps_calibration_is_not_what_is_already_used(honest: Case) -> None:
    assert honest.meta is not None
    wrong = signals(honest, lambda f: 1.0 - f["p_1"])
    for method in ("platt", "shrunk"):
        case = replace(wrong, meta=honest.meta.model_copy(update={"calibration": method}))
        steps = run_check("OF008", case).next
        assert any("--calibration shrunk" in step for step in steps) == (method == "platt")
        assert any("set-split STR-001 --window rolling_80d" in step for step in steps) == (method == "shrunk")
        assert any("/feature_selection/max_features=" in step for step in steps) == (method == "shrunk")


def test_folds_that_differ_only_in_level_are_not_bimodal(honest: Case) -> None:
    rng = np.random.default_rng(2)
    shifted = signals(honest, lambda f: 0.4 + 0.2 * (f["fold"] % 2) + 0.02 * rng.standard_normal(len(f)))
    assert run_check("OF006", shifted).outcome == "passed"


def test_deflated_sharpe_names_trials_and_expected_best(honest: Case) -> None:
    result = run_check("OF010", honest)
    assert "3 trials are booked" in result.explanation
    assert "if it had been the only trial" in result.explanation


def test_more_trials_never_raise_the_deflated_sharpe_ratio(honest: Case) -> None:
    values = [
        run_check("OF010", replace(honest, ledger=LedgerView(number, (0.0, 0.3), chain_ok=True))).value
        for number in (1, 2, 10, 1000)
    ]
    assert values == sorted(values, key=lambda value: -(value or 0.0))


@pytest.mark.slow
def test_honest_edges_are_rarely_refused_and_noise_never_passes_all(case_of: Callable[[float, int], Case]) -> None:
    codes = [code for code in CODES if code != "OF008"]
    refusals, passes = 0, 0
    for seed in range(20, 30):
        honest, noise = case_of(0.12, seed), case_of(0.0, seed)
        refusals += sum(run_check(code, honest).outcome == "refused" for code in codes)
        passes += all(run_check(code, noise).outcome == "passed" for code in codes)
    assert passes == 0
    assert refusals <= 0.05 * 10 * len(codes)


def test_a_few_equal_trials_do_not_lower_the_hurdle_of_many(honest: Case) -> None:
    """A search of a thousand that never ended, and two equal retrainings of its winner: luck stays what it was."""
    unknown = run_check("OF017", replace(honest, ledger=LedgerView(1002, (), chain_ok=True)))
    equal = run_check("OF017", replace(honest, ledger=LedgerView(1002, (0.2, 0.2001), chain_ok=True)))
    assert equal.value == unknown.value


def test_padding_does_not_lower_what_luck_has_to_be_granted(honest: Case) -> None:
    rng = np.random.default_rng(0)
    real = tuple(rng.normal(0.0, 0.3, 25).tolist())
    padded = real + tuple(rng.normal(0.0, 0.02, 300).tolist())
    before = LedgerView(25, real, chain_ok=True, searches=((25, real),))
    diluted = LedgerView(325, padded, chain_ok=True)
    after = LedgerView(325, padded, chain_ok=True, searches=((325, padded), (25, real), (300, padded[25:])))
    values = [run_check("OF017", replace(honest, ledger=each)).value or 0.0 for each in (before, diluted, after)]
    assert values[1] > values[0] + 0.5
    assert values[2] == pytest.approx(values[0], abs=1e-9)


def test_padding_inside_one_booking_hardly_lowers_what_luck_has_to_be_granted(honest: Case) -> None:
    rng = np.random.default_rng(3)
    real = rng.normal(0.0, 0.15, 25)
    mixed = tuple(rng.permutation(np.concatenate([real, rng.normal(0.0, 0.03, 400)])).tolist())
    before = LedgerView(25, tuple(real.tolist()), chain_ok=True)
    after = LedgerView(425, mixed, chain_ok=True, searches=((425, mixed),))
    best = [each.variance(285) ** 0.5 * expected_maximum_sharpe(each.n_trials, 1.0) for each in (before, after)]
    assert best[1] > 0.7 * best[0]
    drawn = tuple(rng.normal(0.0, 0.15, 425).tolist())
    usual = expected_maximum_sharpe(425, float(np.var(drawn, ddof=1)))
    several = LedgerView(425, drawn, chain_ok=True)
    assert several.variance(285) ** 0.5 * expected_maximum_sharpe(425, 1.0) == pytest.approx(usual, rel=0.05)


def test_a_try_that_lost_much_grants_no_luck_beyond_what_it_spreads() -> None:
    drawn = np.random.default_rng(5).normal(0.0, 0.05, 100)
    ratios = (*drawn.tolist(), -0.5)
    usual = float(np.var(ratios, ddof=1))
    assert LedgerView(500, ratios, chain_ok=True).variance(730) == pytest.approx(usual, rel=0.02)
