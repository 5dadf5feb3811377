"""What `validation` answers to the cases of the conformance bank: case in, the expected keys that we document out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from crypto_team.validation import calibration, metrics, pbo, scores, significance, splits

Case = dict[str, Any]
Answer = dict[str, Any]


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _per_period(inputs: Case, name: str = "sharpe_annual") -> float:
    return float(inputs[name] / math.sqrt(inputs["periods_per_year"]))


def probabilistic_sharpe_ratio(case: Case) -> Answer:
    inputs = case["inputs"]
    if "returns" not in inputs:
        psr = significance.probabilistic_sharpe_ratio(
            _per_period(inputs),
            n=inputs["n"],
            skew=inputs["skew"],
            kurtosis=inputs["kurtosis_raw"],
            benchmark=inputs["benchmark"],
        )
        return {"psr": psr}
    sample = significance.moments(_array(inputs["returns"]))
    of_returns = significance.probabilistic_sharpe_from_returns
    return {
        "n": sample.n,
        "sharpe_per_period": sample.sharpe,
        "skew_population": sample.skew,
        "kurtosis_raw_population": sample.kurtosis,
        "psr_vs_0": of_returns(_array(inputs["returns"])),
        "psr_vs_annual_0.5": of_returns(_array(inputs["returns"]), benchmark=0.5 / math.sqrt(365)),
    }


def expected_maximum_sharpe(case: Case) -> Answer:
    inputs = case["inputs"]
    return {"approx": significance.expected_maximum_sharpe(inputs["n_trials"], inputs["variance"])}


def deflated_sharpe_ratio(case: Case) -> Answer:
    inputs = case["inputs"]
    if "returns_matrix" in inputs:
        return _deflated_from_trials(_array(inputs["returns_matrix"]))
    variance = inputs["variance_of_annual_sharpes"] / inputs["periods_per_year"]
    dsr = significance.deflated_sharpe_ratio(
        _per_period(inputs),
        n=inputs["T"],
        skew=inputs["skew"],
        kurtosis=inputs["kurtosis_raw"],
        n_trials=inputs["n_trials"],
        variance=variance,
    )
    hurdle = significance.expected_maximum_sharpe(inputs["n_trials"], variance)
    return {"dsr": dsr, **({"sr0_per_period": hurdle} if "sr0_per_period" in case["expected"] else {})}


def _deflated_from_trials(matrix: np.ndarray) -> Answer:
    samples = [significance.moments(column) for column in matrix.T]
    sharpes = np.array([sample.sharpe for sample in samples])
    best = samples[int(sharpes.argmax())]
    variance = float(sharpes.var(ddof=1))
    shape = {"n": best.n, "skew": best.skew, "kurtosis": best.kurtosis}
    return {
        "selected": int(sharpes.argmax()),
        "sharpes_per_period": sharpes.tolist(),
        "variance_of_trial_sharpes": variance,
        "sr0": significance.expected_maximum_sharpe(len(samples), variance),
        "psr": significance.probabilistic_sharpe_ratio(best.sharpe, **shape),
        "dsr": significance.deflated_sharpe_ratio(best.sharpe, n_trials=len(samples), variance=variance, **shape),
    }


def minimum_track_record_length(case: Case) -> Answer:
    inputs = case["inputs"]
    observations = significance.minimum_track_record_length(
        _per_period(inputs),
        skew=inputs["skew"],
        kurtosis=inputs["kurtosis_raw"],
        benchmark=_per_period(inputs, "benchmark_annual"),
        confidence=inputs["confidence"],
    )
    return {"observations": observations, "years": observations / inputs["periods_per_year"]}


def minimum_backtest_length(case: Case) -> Answer:
    inputs = case["inputs"]
    years = significance.minimum_backtest_length(
        inputs["n_trials"], target_sharpe_annual=inputs["target_sharpe_annual"]
    )
    return {"years": years}


def pbo_cscv(case: Case) -> Answer:
    inputs = case["inputs"]
    if "S" in inputs:
        rng = np.random.default_rng(0)
        trials = {s: rng.normal(size=(4 * s, 3)) for s in inputs["S"]}
        return {"n": [pbo.pbo_cscv(trials[s], n_blocks=s).n_combinations for s in inputs["S"]]}
    result = pbo.pbo_cscv(_array(inputs["returns_matrix"]), n_blocks=inputs["n_blocks"])
    ordered = np.sort(result.logits)
    return {
        "n_combinations": result.n_combinations,
        "pbo": result.pbo,
        "pbo_strict_below_median": result.pbo_strict,
        "logits": result.logits.tolist(),
        "logits_sorted_first5": ordered[:5].tolist(),
        "logit_mean": float(result.logits.mean()),
        "logit_median": float(np.median(result.logits)),
        "prob_oos_loss": result.loss_probability,
    }


def newey_west_t(case: Case) -> Answer:
    series = _array(case["inputs"]["series"])
    answer: Answer = {"auto_lag_nw1994_rule": significance.newey_west_lags(series.size)}
    for lags in case["inputs"]["lags"]:
        plain = significance.newey_west_t(series, lags=lags)
        small = significance.newey_west_t(series, lags=lags, small_sample=True)
        answer[f"L{lags}"] = {"t": plain.t, "se": plain.se, "t_small_sample": small.t, "se_small_sample": small.se}
    return answer


def newey_west_ols(case: Case) -> Answer:
    inputs = case["inputs"]
    x = _array(next(value for key, value in inputs.items() if key not in {"y", "lags"}))
    fit = significance.newey_west_ols(_array(inputs["y"]), x, lags=inputs["lags"])
    return {"params_x1_x2_const": fit.params.tolist(), "se_x1_x2_const": fit.se.tolist()}


def ljung_box(case: Case) -> Answer:
    inputs = case["inputs"]
    series = _array(inputs["series"])
    if isinstance(inputs["lags"], int):
        q, p = significance.ljung_box(series, lags=inputs["lags"])
        return {"Q": q, "p": p}
    return {
        f"h{lags}": dict(zip("Qp", significance.ljung_box(series, lags=lags), strict=True)) for lags in inputs["lags"]
    }


def label_overlap_purging(case: Case) -> Answer:
    start, end, test = _labels(case["inputs"])
    embargo = case["inputs"]["embargo_samples"]
    return {
        "train_half_open": splits.label_overlap_purging(start, end, test).tolist(),
        "train_half_open_embargo_after_label_end": splits.label_overlap_purging(
            start, end, test, embargo=embargo
        ).tolist(),
    }


def _labels(inputs: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array(inputs["label_start"]), np.array(inputs["label_end"]), np.array(inputs.get("test", []), dtype=int)


def _index_lists(parts: list[tuple[np.ndarray, np.ndarray]]) -> list[Answer]:
    return [{"test": test.tolist(), "train": train.tolist()} for train, test in parts]


def purged_kfold(case: Case) -> Answer:
    inputs = case["inputs"]
    start, end, _ = _labels(inputs)
    embargo = int(inputs["n"] * inputs["pct_embargo"])
    return {"folds": _index_lists(splits.purged_kfold(start, end, n_splits=inputs["n_splits"], embargo=embargo))}


def cpcv_counts(case: Case) -> Answer:
    n_splits, n_paths = splits.cpcv_counts(case["inputs"]["N"], case["inputs"]["k"])
    return {"n_splits": n_splits, "n_paths": n_paths}


def cpcv_paths(case: Case) -> Answer:
    return {"split_used_by_path_and_group": splits.cpcv_paths(case["inputs"]["N"], case["inputs"]["k"]).tolist()}


def combinatorial_purged_cv(case: Case) -> Answer:
    inputs = case["inputs"]
    start, end, _ = _labels(inputs)
    parts = splits.cpcv_splits(start, end, groups=inputs["N"], tested=inputs["k"], embargo=inputs["embargo_samples"])
    return {"splits": _index_lists(parts)}


def walk_forward_gap(case: Case) -> Answer:
    inputs = case["inputs"]
    if "train" not in inputs:
        return {}  # anchored at the end: answered by another table
    geometry = splits.Geometry(
        timeframe_ms=1,
        window_bars=inputs["train"],
        test_bars=inputs["test"],
        step_bars=inputs["step"],
        gap_bars=inputs["gap"],
        expanding=inputs["expanding"],
        n_splits=1,
    )
    folds = splits.walk_forward(np.arange(inputs["n"]), geometry)
    windows = [{"train": [f.train_start, f.train_end], "test": [f.test_start, f.test_end]} for f in folds]
    return {"n_folds": len(folds), "windows": windows}


def platt_scaling(case: Case) -> Answer:
    p, y = _array(case["inputs"]["scores"]), _array(case["inputs"]["labels"])
    fit = calibration.fit_platt(p, y)
    slope = scores.calibration_slope(p, y)
    return {
        "platt_A": fit.a,
        "platt_B": fit.b,
        "calibrated_first10": fit.apply(p)[:10].tolist(),
        "logistic_no_prior_slope": slope.slope,
        "logistic_no_prior_intercept": slope.intercept,
        "log_loss_after_platt": scores.log_loss(fit.apply(p), y),
    }


def beta_calibration(case: Case) -> Answer:
    fit = calibration.fit_beta(_array(case["inputs"]["scores"]), _array(case["inputs"]["labels"]))
    query = np.array(case["expected"]["query"], dtype=np.float64)
    return {"a": fit.a, "b": fit.b, "c": fit.c, "query": query.tolist(), "calibrated": fit.apply(query).tolist()}


def isotonic_calibration(case: Case) -> Answer:
    fit = calibration.fit_isotonic(_array(case["inputs"]["scores"]), _array(case["inputs"]["labels"]))
    return {"calibrated": fit.apply(_array(case["expected"]["query"])).tolist()}


def brier_logloss_ece(case: Case) -> Answer:
    p, y = _array(case["inputs"]["p"]), _array(case["inputs"]["y"])
    parts = scores.brier_decomposition(p, y)
    return {
        "brier": scores.brier(p, y),
        "log_loss": scores.log_loss(p, y),
        "ece_10_equal_width": scores.ece(p, y, bins=10),
        "mce_10_equal_width": scores.mce(p, y, bins=10),
        "ece_15_equal_width": scores.ece(p, y, bins=15),
        "mce_15_equal_width": scores.mce(p, y, bins=15),
        "ece_10_equal_mass": scores.ece_equal_mass(p, y, bins=10),
        "ece_15_top_label": scores.ece(*scores.top_label(p, y), bins=15),
        "mce_15_top_label": scores.mce(*scores.top_label(p, y), bins=15),
        "brier_skill_score": scores.brier_skill(p, y),
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
        "brier_identity": parts.reliability - parts.resolution + parts.uncertainty + parts.within,
    }


def brier_decomposition(case: Case) -> Answer:
    if "p" not in case["inputs"]:
        return _table_decomposition(case["inputs"])
    parts = scores.brier_decomposition(_array(case["inputs"]["p"]), _array(case["inputs"]["y"]))
    return {
        "brier": parts.score,
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
    }


def _table_decomposition(inputs: Case) -> Answer:
    forecast, observed, share = (_array(inputs[name]) for name in ("y_i", "obar_i", "p_i"))
    parts = scores.decomposed(0.0, forecast, observed, share, inputs["obar"])
    return {
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
        "brier": parts.reliability - parts.resolution + parts.uncertainty,
    }


def log_loss(case: Case) -> Answer:
    return {"log_loss": scores.log_loss(_array(case["inputs"]["p"]), _array(case["inputs"]["y"]))}


def performance_metrics(case: Case) -> Answer:
    returns, year = _array(case["inputs"]["returns"]), case["inputs"]["periods_per_year"]
    return {
        "total_return": metrics.total_return(returns),
        "cagr": metrics.cagr(returns, periods_per_year=year),
        "sharpe": metrics.sharpe(returns, periods_per_year=year),
        "sortino_per_period": metrics.sortino(returns, periods_per_year=1),
        "sortino": metrics.sortino(returns, periods_per_year=year),
        "max_drawdown": metrics.max_drawdown(returns),
        "calmar": metrics.calmar(returns, periods_per_year=year),
        "profit_factor": metrics.profit_factor(returns),
        "win_rate_nonzero": metrics.hit_rate(returns),
    }


def max_drawdown(case: Case) -> Answer:
    inputs = case["inputs"]
    if "returns" in inputs:
        return {"max_drawdown": metrics.max_drawdown(_array(inputs["returns"]))}
    equity = _array([inputs["start_capital"], *inputs["equity"]])
    return {"max_drawdown": metrics.max_drawdown(equity[1:] / equity[:-1] - 1.0)}


def trade_statistics(case: Case) -> Answer:
    pnl = _array(case["inputs"]["pnl_in_R"])
    return {"win_rate": metrics.hit_rate(pnl), "profit_factor": metrics.profit_factor(pnl)}


STATISTICS: dict[str, Callable[[Case], Answer]] = {
    "probabilistic_sharpe_ratio": probabilistic_sharpe_ratio,
    "expected_maximum_sharpe": expected_maximum_sharpe,
    "deflated_sharpe_ratio": deflated_sharpe_ratio,
    "minimum_track_record_length": minimum_track_record_length,
    "minimum_backtest_length": minimum_backtest_length,
    "pbo_cscv": pbo_cscv,
    "newey_west_t": newey_west_t,
    "newey_west_ols": newey_west_ols,
    "ljung_box": ljung_box,
    "label_overlap_purging": label_overlap_purging,
    "purged_kfold": purged_kfold,
    "cpcv_counts": cpcv_counts,
    "cpcv_paths": cpcv_paths,
    "combinatorial_purged_cv": combinatorial_purged_cv,
    "walk_forward_gap": walk_forward_gap,
    "platt_scaling": platt_scaling,
    "beta_calibration": beta_calibration,
    "isotonic_calibration": isotonic_calibration,
    "brier_logloss_ece": brier_logloss_ece,
    "brier_decomposition": brier_decomposition,
    "log_loss": log_loss,
    "performance_metrics": performance_metrics,
    "max_drawdown": max_drawdown,
    "trade_statistics": trade_statistics,
}
