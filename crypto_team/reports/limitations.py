"""Caveats that follow from the numbers: each rule looks at the evidence and speaks only when it applies."""

from __future__ import annotations

from collections.abc import Iterator

from crypto_team.reports.confidence import Calibration
from crypto_team.reports.expected_returns import ExpectedReturns
from crypto_team.reports.formats import count, day, number, percent, signed
from crypto_team.reports.report_data import ReportData
from crypto_team.schemas.evidence import EvidenceMeta

LEAST_TRADES = 100
LEAST_DAYS = 365
WORSE = 1.645
"""One-sided, 5 %: less than that is luck of the days."""


def limitations(meta: EvidenceMeta, data: ReportData) -> tuple[str, ...]:
    """List what a reader must keep in mind, worst first; the last ones hold for every report."""
    return (
        *(_significance(data) if data.out_of_sample.n_trades else _idle(meta, data)),
        *_sample(meta, data),
        *_comparison(data),
        *_concentration(data),
        *_model(data),
        *_always(meta),
    )


def _idle(meta: EvidenceMeta, data: ReportData) -> Iterator[str]:
    run, entry = data.performance, meta.signal.entry_threshold
    side = "" if meta.signal.side == "long_only" else f" or fell to {number(1.0 - entry, 3)}"
    yield (
        f"The strategy never traded: its signal lies between {number(run.signal_low, 3)} and "
        f"{number(run.signal_high, 3)} and never reached the entry threshold {number(entry, 3)}{side}. Nothing is "
        "known of its returns; another threshold (ml-engineer set-signal), nearer barriers or another target may help."
    )


def _significance(data: ReportData) -> Iterator[str]:
    performance, luck = data.performance, data.luck
    if not performance.sharpe_low > 0.0:
        yield (
            f"The 95 % interval of the Sharpe ratio, {signed(performance.sharpe_low)} to "
            f"{signed(performance.sharpe_high)}, includes zero: no edge is proven."
        )
    if not luck.deflated_sharpe_ratio >= 0.95:
        yield (
            f"With {count(luck.n_trials)} trials in the ledger the deflated Sharpe ratio is "
            f"{number(luck.deflated_sharpe_ratio, 3)}, below 0.95: selection among the trials may explain the result."
        )
    if not luck.sharpe > 0.0:
        yield "The Sharpe ratio is not above zero: no record, however long, would prove that it is."
    elif luck.minimum_track_record_days > luck.n_days:
        yield (
            f"The track record of {count(luck.n_days)} days is shorter than the "
            f"{count(luck.minimum_track_record_days)} days that would prove a Sharpe ratio above zero."
        )


def _sample(meta: EvidenceMeta, data: ReportData) -> Iterator[str]:
    if 0 < data.out_of_sample.n_trades < LEAST_TRADES:
        yield f"Only {count(data.out_of_sample.n_trades)} trades: hit rate and profit factor are rough."
    if data.performance.days < LEAST_DAYS:
        yield f"Only {count(data.performance.days)} days out of sample: less than one year of market conditions."
    if len(meta.pairs) == 1:
        yield f"One market only ({meta.pairs[0]}): nothing says that the edge exists elsewhere."
    unseen = [f"{row.group} {row.name}" for row in data.regimes if row.name != "unknown" and row.days == 0]
    if unseen:
        yield f"Regimes that the test span never saw: {', '.join(unseen)}."


def _comparison(data: ReportData) -> Iterator[str]:
    better = [row for row in data.baselines if row.sharpe > data.performance.sharpe]
    if better:
        names = ", ".join(f"{row.name.replace('_', ' ')} ({signed(row.sharpe)})" for row in better)
        yield f"Naive strategies with a higher Sharpe ratio than {signed(data.performance.sharpe)}: {names}."
    if data.performance.gross_sharpe > 0.0 >= data.performance.sharpe:
        yield (
            f"Costs eat the edge: the Sharpe ratio is {signed(data.performance.gross_sharpe)} before and "
            f"{signed(data.performance.sharpe)} after costs."
        )


def _concentration(data: ReportData) -> Iterator[str]:
    for row in data.regimes:
        if row.name != "unknown" and row.share_of_profit > 0.6 and row.share_of_profit > row.share_of_days:
            yield (
                f"{percent(row.share_of_profit, 0)} of the profit comes from days of {row.group} '{row.name}', "
                f"which are {percent(row.share_of_days, 0)} of all days."
            )
    if data.overfitting.largest_fold_share > 0.5:
        yield f"One fold alone makes {percent(data.overfitting.largest_fold_share, 0)} of the summed profit."


def _model(data: ReportData) -> Iterator[str]:
    over = data.overfitting
    if over.folds_with_skill < over.folds:
        lost = over.folds - over.folds_with_skill
        yield f"{lost} of {over.folds} folds show no skill (AUC at or below 0.5)."
    if over.skill_kept < 0.8:
        yield f"Only {percent(over.skill_kept, 0)} of the inner-validation skill survives out of sample."
    if over.importance_rank_correlation < 0.5:
        yield (
            f"Feature importances change between folds (mean rank correlation "
            f"{number(over.importance_rank_correlation)}): the model leans on different things each time."
        )
    yield from _calibration(data.calibration) if data.expected is None else _returns(data.expected)


def _returns(found: ExpectedReturns) -> Iterator[str]:
    """Say which expected returns do not come true; to odds that the signal implies nothing was calibrated."""
    slopes = [("Expected returns", found.slope, found.slope_low, found.slope_high)]
    slopes += [(f"Returns expected over {h.bars} bars", h.slope, h.slope_low, h.slope_high) for h in found.horizons]
    for what, slope, low, high in slopes:
        if high < 1.0 or low > 1.0 or slope < 0.0:
            fault = "point the wrong way" if slope < 0.0 else "are too bold" if slope < 1.0 else "are too timid"
            # That it is not one is known of every positive slope here, that it is below zero of few negative ones.
            unsure = "" if slope >= 0.0 or high < 0.0 else ", which may be luck"
            yield (
                f"{what} {fault}{unsure}: the slope of realised on expected returns is {number(slope)} "
                f"(95 % interval {number(low)} to {number(high)}; 1 is right)."
            )


def _calibration(found: Calibration) -> Iterator[str]:
    slope = found.slope
    if not 0.5 <= slope <= 2.0:
        yield (
            f"The calibration slope is {number(slope)} (95 % interval {number(found.slope_low)} to "
            f"{number(found.slope_high)}; 1 is right): stated probabilities "
            f"{'are' if found.slope_high < 1.0 or found.slope_low > 1.0 else 'may be'} "
            f"{'too timid' if slope > 2.0 else 'too bold'}, so size must not follow confidence."
        )
    if found.brier_rise_t > WORSE:
        yield (
            f"Calibration made the probabilities worse: the Brier score is {number(found.brier_raw, 4)} before and "
            f"{number(found.brier, 4)} after it (t = {number(found.brier_rise_t, 1)} over days). "
            "Another --calibration, or none, may suit this market."
        )


def _always(meta: EvidenceMeta) -> Iterator[str]:
    yield (
        f"Costs are {number(meta.cost_bps_per_side, 1)} bps of the traded value on each side, at any size; "
        "market impact, funding, latency and rejected orders are not in these numbers."
    )
    yield "Fills are assumed at the close of the deciding bar; an edge of the first minutes after it will do worse."
    if meta.research_end:
        yield f"Bars from {day(meta.research_end)} on are sealed and were not used for anything here."
    yield "Past markets are the only evidence; a stop in the edge's cause ends it without notice."
