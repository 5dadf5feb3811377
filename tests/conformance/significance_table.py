"""What many trials, drift, losses and memory answer to the cases of the conformance bank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from crypto_team.errors import InputError
from crypto_team.features.operators_statistical import fracdiff, fracdiff_weights, fracdiff_width
from crypto_team.trading.durations import periods_per_year
from crypto_team.validation import (
    calibration,
    cpcv,
    dip,
    drift,
    metrics,
    multiple_testing,
    pbo,
    ratios,
    resampling,
    significance,
    splits,
    superior,
)

Case = dict[str, Any]
Answer = dict[str, Any]


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def probabilistic_sharpe_ratio_2025_convention(case: Case) -> Answer:
    """Only the convention of 2012 is ours; the case pins both."""
    inputs = case["inputs"]
    psr = significance.probabilistic_sharpe_ratio(
        inputs["sharpe_annual"] / math.sqrt(inputs["periods_per_year"]),
        n=inputs["n"],
        skew=inputs["skew"],
        kurtosis=inputs["kurtosis_raw"],
        benchmark=inputs["benchmark"],
    )
    return {"psr_2012": psr}


def probabilistic_sharpe_ratio(case: Case) -> Answer:
    if "returns" not in case["inputs"]:
        return {}
    return {"sharpe_se": significance.sharpe_error(significance.moments(_array(case["inputs"]["returns"])))}


def minimum_backtest_length(case: Case) -> Answer:
    inputs = case["inputs"]
    target = inputs["target_sharpe_annual"]
    bound = significance.minimum_backtest_bound(inputs["n_trials"], target_sharpe_annual=target)
    return {"upper_bound_years": bound}


def pbo_cscv(case: Case) -> Answer:
    inputs = case["inputs"]
    if "degradation_slope" not in case["expected"]:
        return {}
    found = pbo.pbo_cscv(_array(inputs["returns_matrix"]), n_blocks=inputs["n_blocks"])
    return {"degradation_slope": found.degradation_slope, "degradation_intercept": found.degradation_intercept}


def sharpe_autocorrelation_adjustment(case: Case) -> Answer:
    inputs = case["inputs"]
    return {
        name: inputs["sharpe"] * multiple_testing.lo_adjustment(inputs["rho"], periods)
        for name, periods in inputs["q"].items()
    }


def haircut_sharpe(case: Case) -> Answer:
    inputs = case["inputs"]
    if "annual_sharpes_of_all_trials" in inputs:
        return _family_haircut(inputs)
    years = inputs["n_obs"] / 12
    sharpe = inputs["sharpe_annual"] * multiple_testing.lo_adjustment(inputs["autocorrelation"], 12)
    alone = multiple_testing.bonferroni_haircut(sharpe, years, inputs["n_tests"], observations=inputs["n_obs"])
    if "simulations" not in inputs:
        return {
            "sharpe_annual_ac_adjusted": sharpe,
            "p_single": multiple_testing.sharpe_p_value(sharpe, years, observations=inputs["n_obs"]),
            "p_bonferroni": alone.adjusted_p,
            "haircut_sharpe": alone.sharpe,
            "haircut_fraction": alone.share,
        }
    holm, bhy = (
        multiple_testing.simulated_haircut(
            sharpe,
            years,
            inputs["n_tests"],
            method,
            observations=inputs["n_obs"],
            rng=np.random.default_rng(1),
            draws=inputs["simulations"],
        )
        for method in ("holm", "bhy")
    )
    return {
        "p_holm": holm.adjusted_p,
        "p_bhy": bhy.adjusted_p,
        "p_average_of_three": (alone.adjusted_p + holm.adjusted_p + bhy.adjusted_p) / 3,
        "haircut_sharpe_holm": holm.sharpe,
        "haircut_sharpe_bhy": bhy.sharpe,
    }


def _family_haircut(inputs: Case) -> Answer:
    family, years = inputs["annual_sharpes_of_all_trials"], inputs["observations"] / inputs["periods_per_year"]
    answer: Answer = {"p_single": multiple_testing.sharpe_p_value(family[0], years)}
    for method in ("bonferroni", "holm", "bhy"):
        found = multiple_testing.haircut(family, years, method)
        answer[method] = {"adjusted_p": found.adjusted_p, "haircut_sharpe": found.sharpe, "haircut": found.share}
    return answer


def adjusted_p_values(case: Case) -> Answer:
    p = _array(case["inputs"]["p_values"])
    return {name: multiple_testing.adjusted_p_values(p, name).tolist() for name in ("bonferroni", "holm", "bhy", "bh")}


def reality_check_and_spa(case: Case) -> Answer:
    inputs = case["inputs"]
    found = superior.superiority(
        _array(inputs["performance_differentials_strategy_minus_benchmark"]),
        np.array(inputs["bootstrap_indices"]),
        restart=inputs["restart_probability_q"],
    )
    return {
        "rc_statistic": found.reality_check,
        "rc_pvalue": found.reality_check_p,
        "omega": found.omega.tolist(),
        "spa_statistic": found.statistic,
        "spa_pvalues": {"lower": found.lower, "consistent": found.consistent, "upper": found.upper},
    }


def optimal_block_length(case: Case) -> Answer:
    stationary, circular = superior.optimal_blocks(_array(case["inputs"]["series"]))
    return {"stationary": stationary, "circular": circular}


def stationary_bootstrap(case: Case) -> Answer:
    inputs = case["inputs"]
    n = inputs["n"]
    drawn = resampling.stationary_bootstrap(
        n, mean_block=inputs["mean_block"], resamples=inputs["resamples"], rng=np.random.default_rng(4)
    )
    jumps = (np.diff(drawn, axis=1) % n) != 1
    first = np.bincount(drawn[:, 0], minlength=n) / len(drawn)
    return {
        "mean_restart_fraction_of_49_steps": float(jumps.mean()),
        "each_index_share": float(np.bincount(drawn.ravel(), minlength=n).max() / drawn.size),
        "first_index_uniform": bool(np.abs(first - 1 / n).max() < 5 * math.sqrt(1 / n / len(drawn))),
    }


def effective_number_of_trials(case: Case) -> Answer:
    found = multiple_testing.effective_trials(_array(case["inputs"]["returns_matrix"]))
    return {
        "average_correlation": found.average_correlation,
        "n_implied_by_avg_correlation": found.by_correlation,
        "participation_ratio": found.participation_ratio,
        "effective_rank_entropy": found.entropy_rank,
    }


def _geometry(*, train: int, test: int, gap: int, expanding: bool) -> splits.Geometry:
    return splits.Geometry(
        timeframe_ms=1,
        window_bars=train,
        test_bars=test,
        step_bars=test,
        gap_bars=gap,
        expanding=expanding,
        n_splits=1,
    )


def time_series_split(case: Case) -> Answer:
    """Windows anchored at the end of the data, as `anchor: end` does it; without a gap there is no split here."""
    inputs = case["inputs"]
    if not inputs["gap"] or "n_splits" not in inputs:
        return {}
    n, count, test, gap = inputs["n"], inputs["n_splits"], inputs["test_size"], inputs["gap"]
    longest = inputs["max_train_size"]
    window = longest or n - gap - count * test
    geometry = _geometry(train=window, test=test, gap=gap, expanding=longest is None)
    folds = splits.walk_forward(np.arange(n), splits.anchored_at_end(geometry))[-count:]
    return {
        "folds": [
            {"train": list(range(f.train_start, f.train_end)), "test": list(range(f.test_start, f.test_end))}
            for f in folds
        ]
    }


def walk_forward_seed002(case: Case) -> Answer:
    """The seed has no gap and loses the window that fits exactly; one bar more stands for the gap of one bar."""
    inputs = case["inputs"]
    train, test = inputs["train_bars"], inputs["test_bars"]
    geometry = _geometry(train=train, test=test, gap=1, expanding=False)

    def ours(bars: int) -> int:
        try:
            return len(splits.walk_forward(np.arange(bars + 1), geometry))
        except InputError:
            return 0

    return {
        str(bars): {"seed_loop": len(range(0, bars - train - test, test)), "correct": ours(bars)}
        for bars in inputs["lengths"]
    }


def fractional_differencing_weights(case: Case) -> Answer:
    return {"weights": fracdiff_weights(case["inputs"]["d"], case["inputs"]["n"]).tolist()}


def fixed_width_fracdiff(case: Case) -> Answer:
    d, threshold = case["inputs"]["d"], case["inputs"]["threshold"]
    values = fracdiff(np.log(_array(case["inputs"]["close"])), d, threshold)
    return {"width": fracdiff_width(d, threshold), "values": values.tolist()}


def isotonic_regression(case: Case) -> Answer:
    """Squeezed to where probabilities are not clipped: pooling adjacent violators commutes with scaling."""
    y, p = _array(case["inputs"]["y"]), np.arange(7) / 10.0
    low, scale = y.min(), np.ptp(y) / 0.6
    fit = calibration.fit_isotonic(p, 0.2 + (y - low) / scale).apply(p)
    return {"fit": (low + (fit - 0.2) * scale).tolist()}


def hartigan_dip(case: Case) -> Answer:
    """The p-value here is simulated; the bank's is interpolated in a published table."""
    return {"dip": dip.dip(_array(case["inputs"]["x"]))}


def ks_two_sample(case: Case) -> Answer:
    found = drift.two_samples(_array(case["inputs"]["a"]), _array(case["inputs"]["b"]))
    return {"D": found.distance, "p_asymptotic_kolmogorov": found.p_limit, "p_exact": found.p_exact}


def population_stability_index(case: Case) -> Answer:
    inputs = case["inputs"]
    if "expected_share" in inputs:
        return {"psi": drift.index_of_shares(_array(inputs["expected_share"]), _array(inputs["actual_share"]))}
    found = drift.stability(_array(inputs["reference"]), _array(inputs["current"]), bins=inputs["bins"])
    return {
        "psi": found.psi,
        "reference_share": found.reference.tolist(),
        "current_share": found.current.tolist(),
    }


def psi_null_distribution(case: Case) -> Answer:
    mean, upper = drift.stability_by_chance(*(case["inputs"][name] for name in ("bins", "n", "m")))
    return {"mean": mean, "q95": upper}


def tabular_cusum(case: Case) -> Answer:
    inputs = case["inputs"]
    found = drift.tabular_cusum(_array(inputs["x"]), mean=inputs["mu0"], slack=inputs["K"], limit=inputs["H"])
    return {
        "c_plus": found.upper.tolist(),
        "c_minus": found.lower.tolist(),
        "first_signal_index_0based": found.first,
    }


def page_hinkley(case: Case) -> Answer:
    return {"detections": drift.alarms(drift.page_hinkley(), case["inputs"]["stream"])}


def adwin(case: Case) -> Answer:
    inputs = case["inputs"]
    found = drift.alarms(drift.adaptive_window(), inputs["x"] if "x" in inputs else inputs["stream"])
    return {"detections": found, **({"first_detection": found[0]} if "x" in inputs else {})}


def performance_metrics(case: Case) -> Answer:
    returns, year = _array(case["inputs"]["returns"]), case["inputs"]["periods_per_year"]
    below, under, tail = ratios.downside(returns), ratios.underwater(returns), ratios.tail(returns)
    sample = significance.moments(returns)
    return {
        "ann_return_arithmetic": metrics.annual_return(returns, periods_per_year=year),
        "ann_volatility": metrics.annual_volatility(returns, periods_per_year=year),
        "downside_deviation_full_n": below.deviation,
        "downside_deviation_subset": ratios.subset_deviation(returns),
        "longest_underwater_bars": under.longest,
        "ulcer_index": under.ulcer,
        "pain_index": under.pain,
        "omega_0": ratios.omega(returns),
        "var95_historical": tail.var,
        "es95_historical": tail.shortfall,
        "var95_gaussian_pop": tail.gaussian_var,
        "es95_gaussian_pop": tail.gaussian_shortfall,
        "var95_cornish_fisher": tail.modified_var,
        "skew_population": sample.skew,
        "excess_kurtosis_population": sample.kurtosis - 3.0,
    }


def downside_and_drawdown_ratios(case: Case) -> Answer:
    returns, year = _array(case["inputs"]["returns"]), case["inputs"]["periods_per_year"]
    found = ratios.downside(returns, target=0.005)
    return {
        "mean_absolute_deviation": ratios.mean_absolute_deviation(returns),
        "downside_frequency_mar005": found.frequency,
        "kappa2_mar005": found.kappa2,
        "upside_risk_mar005": found.upside_risk,
        "upside_potential_mar005": found.upside_potential,
        "omega_sharpe_mar005": found.omega_sharpe,
        "volatility_skewness_mar005": found.volatility_skewness,
        "variability_skewness_mar005": found.variability_skewness,
        "d_ratio": found.d_ratio,
        "martin_ratio": ratios.martin(returns, periods_per_year=year),
        "pain_ratio": ratios.pain_ratio(returns, periods_per_year=year),
        "downside_deviation_mar50pct": ratios.downside(returns, target=0.5).deviation,
        "kurtosis_population_raw": significance.moments(returns).kurtosis,
    }


def cornish_fisher_es(case: Case) -> Answer:
    found = ratios.tail(_array(case["inputs"]["returns"]["portfolio"]), level=case["inputs"]["level"])
    return {"es95_modified": found.modified_shortfall, "cornish_fisher_quantile": found.quantile}


def max_drawdown(case: Case) -> Answer:
    inputs = case["inputs"]
    if "equity" not in inputs:
        return {}
    equity = _array([inputs["start_capital"], *inputs["equity"]])
    found = ratios.underwater(equity[1:] / equity[:-1] - 1.0)
    return {
        "max_drawdown": found.deepest,
        "peak_index": found.peak,
        "trough_index": found.trough,
        "recovery_index": found.recovery,
        "longest_underwater_bars": found.longest,
    }


def annualisation(case: Case) -> Answer:
    years = {bar: periods_per_year(bar) for bar in case["inputs"]["bars"]}
    return {"periods_per_year": years, "sqrt": {bar: math.sqrt(count) for bar, count in years.items()}}


def combinatorial_paths(case: Case) -> Answer:
    """Paths put together from the predictions of all splits: each group of each path comes from one split."""
    groups, tested = case["inputs"]["N"], case["inputs"]["k"]
    splits_, _ = splits.cpcv_counts(groups, tested)
    rows = np.array_split(np.arange(groups * 3), groups)
    made = [np.full(groups * 3, float(number)) for number in range(splits_)]
    paths = cpcv.assemble_paths(made, rows, tested)
    return {"split_used_by_path_and_group": [[int(path[part[0]]) for part in rows] for path in paths]}


STATISTICS: dict[str, Callable[[Case], Answer]] = {
    "adjusted_p_values": adjusted_p_values,
    "adwin": adwin,
    "annualisation": annualisation,
    "cornish_fisher_es": cornish_fisher_es,
    "cpcv_paths": combinatorial_paths,
    "downside_and_drawdown_ratios": downside_and_drawdown_ratios,
    "effective_number_of_trials": effective_number_of_trials,
    "fixed_width_fracdiff": fixed_width_fracdiff,
    "fractional_differencing_weights": fractional_differencing_weights,
    "haircut_sharpe": haircut_sharpe,
    "hartigan_dip": hartigan_dip,
    "isotonic_regression": isotonic_regression,
    "ks_two_sample": ks_two_sample,
    "max_drawdown": max_drawdown,
    "minimum_backtest_length": minimum_backtest_length,
    "optimal_block_length": optimal_block_length,
    "page_hinkley": page_hinkley,
    "pbo_cscv": pbo_cscv,
    "performance_metrics": performance_metrics,
    "population_stability_index": population_stability_index,
    "probabilistic_sharpe_ratio": probabilistic_sharpe_ratio,
    "probabilistic_sharpe_ratio_2025_convention": probabilistic_sharpe_ratio_2025_convention,
    "psi_null_distribution": psi_null_distribution,
    "reality_check_and_spa": reality_check_and_spa,
    "sharpe_autocorrelation_adjustment": sharpe_autocorrelation_adjustment,
    "stationary_bootstrap": stationary_bootstrap,
    "tabular_cusum": tabular_cusum,
    "time_series_split": time_series_split,
    "walk_forward_gap": time_series_split,
    "walk_forward_seed002": walk_forward_seed002,
}
