"""Faults of evidence, each built into an honest study, with the checks that have to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from crypto_team.gates.corpus import evidence_faults_of_hindsight as hindsight
from crypto_team.gates.corpus import evidence_faults_of_rows as rows
from crypto_team.gates.corpus import evidence_faults_of_search as search
from crypto_team.gates.corpus import evidence_faults_of_trading as trading
from crypto_team.gates.corpus import evidence_faults_of_training as training
from crypto_team.gates.corpus.evidence_honest import Study, study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts

Breaker = Callable[[Study, np.random.Generator], EvidenceParts]
USUAL = Design(pairs=3, trials=5)


@dataclass(frozen=True)
class Fault:
    """One way in which evidence lies; any of `codes` refusing is the right reason."""

    what: str
    codes: frozenset[str]
    breaker: Breaker
    design: Design = USUAL


def _fault(what: str, codes: str, breaker: Breaker, design: Design = USUAL) -> Fault:
    return Fault(what, frozenset(codes.split()), breaker, design)


FOUR = replace(USUAL, pairs=4)
EIGHT = replace(USUAL, pairs=8, edge=0.06, bars=6800)
DYING = replace(USUAL, pairs=4, delisted=True)
NOISE = replace(USUAL, edge=0.0)
FAINT = replace(USUAL, edge=0.03)
ONE_SOURCE = replace(USUAL, informative=1)

FAULTS: Mapping[str, Fault] = {
    "random_split": _fault("rows are dealt to folds at random", "LK004 LK008 DQ008", training.random_split),
    "overlapping_folds": _fault("test parts overlap", "LK004 DQ008", training.overlapping_folds),
    "no_gap": _fault("no gap between training and test", "LK004", training.no_gap),
    "labels_reach_test": _fault("training labels end inside the test", "LK004", training.labels_reach_test),
    "single_split": _fault("one split is all there is", "DQ004", training.single_split),
    "test_in_train": _fault("test rows are among the training rows", "DQ008 LK004", training.test_in_train),
    "future_model": _fault("a later model predicts earlier rows", "LK004 LK008", training.future_model),
    "trained_later": _fault("models are dated after what they predict", "LK008", training.trained_later),
    "scaler_on_all": _fault("the scaler was fitted on all rows and says so", "LK005", training.scaler_on_all),
    "scaler_on_all_hidden": _fault("the scaler was fitted on all rows and denies it", "LK005", training.scaler_hidden),
    "selection_on_all": _fault("features were selected on all rows", "LK005", training.selection_on_all),
    "calibrator_on_test": _fault("the calibrator was fitted on test rows", "LK005", training.calibrator_on_test),
    "in_sample_as_test": _fault("in-sample forecasts are labelled test", "LK006 LK008", training.in_sample_as_test),
    "foreseen_without_features": _fault("forecasts foresee, features are kept back", "LK006", training.foreseen),
    "overfit": _fault("inner skill does not hold outside", "OF003", training.overfit),
    "holdout_used": _fault("test rows lie in the sealed holdout", "LK004", training.holdout_used),
    "shuffled_time": _fault("times of rows are shuffled", "DQ007", rows.shuffled_time),
    "labels_wrong": _fault("one label in twenty is wrong", "DQ007", rows.labels_wrong),
    "forward_shifted": _fault("forward returns are those of the next bar", "DQ007", rows.forward_shifted),
    "forward_in_percent": _fault("forward returns are percentages", "DQ007", rows.forward_in_percent),
    "label_end_early": _fault("labels claim to be known too early", "DQ007", rows.label_end_early),
    "timezone": _fault("prediction times are three hours off", "DQ007", rows.timezone),
    "duplicated_rows": _fault("good rows occur twice", "DQ008", rows.duplicated_rows),
    "losers_dropped": _fault("losing rows are left out", "DQ006", rows.losers_dropped),
    "period_dropped": _fault("the worst test part is left out", "DQ006", rows.period_dropped),
    "pair_dropped": _fault("the worst pair is left out", "DQ005", rows.pair_dropped, FOUR),
    "same_asset_again": _fault("one asset counts four times", "DQ005", rows.same_asset_again),
    "delisted_dropped": _fault("the delisted pair is left out", "DQ005", rows.delisted_dropped, DYING),
    "stale_prices": _fault("prices stand still for days", "DQ003", rows.stale_prices),
    "market_holes": _fault("bars of the market are missing", "DQ003 DQ006", rows.market_holes),
    "missing_forecasts": _fault("forecasts are NaN", "PR001", rows.missing_forecasts),
    "percent_probabilities": _fault("probabilities are percentages", "PR001", rows.percent_probabilities),
    "bimodal": _fault("confidence has two peaks", "OF006 OF008", rows.bimodal),
    "uncalibrated": _fault("probabilities are far too bold", "OF008", rows.uncalibrated),
    "overlapping_positions": _fault("every row earns its whole horizon", "PR002", trading.overlapping_positions),
    "same_bar": _fault("positions earn the bar they were decided on", "PR002", trading.same_bar),
    "peeking_positions": _fault("positions know the next bar", "LK006", trading.peeking_positions),
    "perfect_stop": _fault("nothing is held in bars that lose most", "LK006", trading.perfect_stop),
    "worst_days_off": _fault("nothing is held on the worst days", "LK006", trading.worst_days_off),
    "one_sided_costs": _fault("costs are paid on entries only", "PF006", trading.one_sided_costs),
    "no_costs": _fault("there are no costs", "PF006", trading.no_costs),
    "cost_as_fraction": _fault("costs are fractions instead of basis points", "PF006", trading.cost_as_fraction),
    "bouncing_close": _fault("it earns the bounce of the close", "PF006", trading.bouncing_close, FAINT),
    "inflated_returns": _fault("net returns are better than computed", "PR002", trading.inflated_returns),
    "claimed_sharpe": _fault("the stated Sharpe ratio is another", "PR002", trading.claimed_sharpe),
    "wrong_year": _fault("annualised on trading days of shares", "PR002", trading.wrong_year),
    "disguised_label": _fault("a feature is the label in disguise", "LK006", rows.disguised_label),
    "too_many_features": _fault("the model uses eighty features", "OF009", rows.too_many_features),
    "dominant_feature": _fault("one feature carries everything", "OF002", rows.dominant_feature),
    "dominant_cluster": _fault("one feature under five names carries everything", "OF002", rows.dominant_cluster),
    "evened_importances": _fault("a table hides what carries everything", "OF002", rows.evened_importances, ONE_SOURCE),
    "borrowed_importances": _fault("importances are of other features", "OF001 OF007", rows.borrowed_importances),
    "unstable_importances": _fault("importances change from fold to fold", "OF007", rows.unstable_importances),
    "lucky_day": _fault("three days carry the profit", "PF008", trading.lucky_day, NOISE),
    "fades": _fault("it earns early and loses as much late", "PF011 PF009", trading.fades),
    "one_regime": _fault("it trades in one regime only", "PF007", trading.one_regime),
    "one_trend": _fault("it trades in rising markets only", "PF007", trading.one_trend),
    "some_losers_off": _fault("a third of the losers was left out", "LK012 LK006", hindsight.some_losers_off),
    "losing_pairs_off": _fault("pairs are off where they lost", "LK012", hindsight.losing_pairs_off, EIGHT),
    "losing_cells_small": _fault("pairs are small where they lost", "LK012", hindsight.losing_cells_small, EIGHT),
    "entries_foreseen": _fault("entries know the next forecast", "LK015", hindsight.entries_foreseen),
    "sizes_by_coming_volatility": _fault("sizes know what comes", "LK013", hindsight.sizes_by_coming_volatility),
    "rare_rows_foreseen": _fault("a few rows are foreseen", "LK014", hindsight.rare_rows_foreseen, FOUR),
    "centred_inputs": _fault("features are centred means", "LK006", hindsight.centred_inputs, NOISE),
    "sources_of_next_bar": _fault("sources know some of the next bar", "LK009", hindsight.sources_of_next_bar, FAINT),
    "best_seed": _fault("the best of thirty seeds of noise", "OF015 OF010", search.best_seed, NOISE),
    "tuned_threshold": _fault("the threshold was chosen by the test", "OF014", search.tuned_threshold),
    "threshold_spike": _fault("the threshold is a spike", "OF014", search.threshold_spike),
    "undisclosed_trials": _fault("more trials are shown than declared", "PR012", search.undisclosed_trials),
    "chosen_trial_by_test": _fault("a trial was chosen by the test", "OF011", search.chosen_trial_by_test),
    "padded_trials": _fault("dead trials hide the spread of the others", "PR012", search.padded_trials),
    "best_of_many": _fault("the best of two hundred strategies of noise", "OF010", search.best_of_many, NOISE),
    "chosen_by_test": _fault("the best of many is chosen by the test", "OF011 OF010", search.chosen_by_test, NOISE),
    "only_beta": _fault("it holds the market", "PF010 PF001 OF010", search.only_beta, NOISE),
}


def bad(name: str, seed: int) -> EvidenceParts:
    """Return one set of bad evidence by the name of its fault."""
    fault = FAULTS[name]
    return fault.breaker(study(fault.design, seed), np.random.default_rng([seed, 99]))
