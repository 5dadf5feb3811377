"""Combinatorial purged cross-validation: many ways to leave groups of time out, joined into whole paths.

Its models learn from what lies before and behind a test group, so its numbers are no track record and never a headline:
they say how much the result depends on the one order in which history happened to come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError, UsageError
from crypto_team.models.threads import products_on_one_thread
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
from crypto_team.validation import metrics, scores
from crypto_team.validation.clock import utc_times
from crypto_team.validation.fitted import filled, fit_all
from crypto_team.validation.fold_fit import fitted_model
from crypto_team.validation.fold_rows import LEAST_FIT_ROWS, LEAST_INNER_ROWS, FoldRows, inputs_of, rows_read
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import cpcv_paths, purge

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Scheme:
    """How time is cut: groups of equal numbers of bars, how many of them each split tests, and bars of embargo.

    Without an embargo of its own it is the gap of the walk-forward, so that both sides of a block keep their distance.
    """

    groups: int = 6
    tested: int = 2
    embargo_bars: int | None = None

    def __post_init__(self) -> None:
        """Refuse a scheme that leaves nothing to learn from."""
        if not 1 <= self.tested < self.groups <= 16:
            raise UsageError("a scheme tests 1 or more of at most 16 groups and leaves some to learn from")


@dataclass(frozen=True)
class Split:
    """One split: numbers of the tested groups, and the panel rows to learn from and to predict."""

    tested: tuple[int, ...]
    train: Rows
    test: Rows


def group_rows(panel: Panel, groups: int) -> list[Rows]:
    """Cut the bars that any pair can use into groups of time and return the panel rows of each."""
    times = np.unique(panel.time[panel.usable])
    if times.size < groups * LEAST_FIT_ROWS:
        raise InputError(
            f"{times.size} usable bars are too few for {groups} groups of at least {LEAST_FIT_ROWS}",
            where="groups",
            hint="take fewer groups, or bring more bars",
        )
    starts = times[[part[0] for part in np.array_split(np.arange(times.size), groups)]]
    inside = panel.time >= times[0]
    number = np.searchsorted(starts, panel.time, side="right") - 1
    return [np.flatnonzero(inside & (panel.time <= times[-1]) & (number == group)) for group in range(groups)]


def splits(panel: Panel, scheme: Scheme, gap_bars: int) -> list[Split]:
    """Return all splits; training rows are purged on both sides of every tested block.

    A row is dropped when its label reaches within `gap_bars` of a block, as in the walk-forward, or when it begins
    before the last label of the block has ended and the embargo is over.
    """
    parts, unit = group_rows(panel, scheme.groups), panel.timeframe_ms
    embargo = gap_bars if scheme.embargo_bars is None else scheme.embargo_bars
    made = []
    for tested in combinations(range(scheme.groups), scheme.tested):
        keep = panel.usable.copy()
        for group in tested:
            rows = parts[group]
            keep[rows] = False
            first, last = int(panel.time[rows].min()), int(panel.label_end[rows].max())
            before = purge(panel.label_end, first, gap_bars * unit)
            behind = panel.time >= last + embargo * unit
            keep &= before | behind
        made.append(Split(tested, np.flatnonzero(keep), np.concatenate([parts[group] for group in tested])))
    return made


def assemble_paths(signals: Sequence[Floats], parts: Sequence[Rows], tested: int) -> Floats:
    """Join the predictions of all splits into paths over all rows.

    Parameters
    ----------
    signals
        One array per split, in lexicographic order, each over all rows; only its tested groups are read.
    parts
        Rows of each group.
    tested
        Groups that a split tests.

    Returns
    -------
    ndarray
        Shape (paths, rows); NaN outside every group.
    """
    used = cpcv_paths(len(parts), tested)
    made = np.full((len(used), signals[0].size), np.nan)
    for path, row in enumerate(used):
        for group, number in enumerate(row):
            made[path, parts[group]] = signals[number][parts[group]]
    return made


@products_on_one_thread()
def run(
    panel: Panel, settings: WalkForwardSettings, scheme: Scheme, *, progress: Progress | None = None
) -> pd.DataFrame:
    """Fit and predict every split and return its paths.

    Returns
    -------
    DataFrame
        path, time, pair, signal, position, return_net, label, forward_return; one row per path and bar.
    """
    gap, parts = settings.geometry.gap, group_rows(panel, scheme.groups)
    every = splits(panel, scheme, gap)
    signals = []
    for number, split in enumerate(every):
        signals.append(_predicted(panel, split, settings))
        if progress is not None:
            progress((number + 1) / len(every), f"split {number + 1} of {len(every)}")
    paths = assemble_paths(signals, parts, scheme.tested)
    rows = np.sort(np.concatenate(parts))
    return pd.concat([_traded(panel, rows, path[rows], settings, number) for number, path in enumerate(paths)])


def _rows(panel: Panel, split: Split, settings: WalkForwardSettings) -> FoldRows:
    """Keep the last part of the training times for calibration, purged from what the model learns."""
    unit, gap = panel.timeframe_ms, settings.geometry.gap
    times = np.unique(panel.time[split.train])
    cut = int(times[int(times.size * (1.0 - settings.inner_share))]) if times.size else 0
    fit = split.train[purge(panel.label_end[split.train], cut, gap * unit)]
    inner = split.train[panel.time[split.train] >= cut]
    if fit.size < LEAST_FIT_ROWS or inner.size < LEAST_INNER_ROWS:
        raise InputError(
            f"the split that tests groups {list(split.tested)} has {fit.size} rows to fit, {inner.size} to calibrate",
            where="groups",
            hint="test fewer groups, or bring more bars",
        )
    return FoldRows(fit, inner, split.test, split.train, cut)


def _predicted(panel: Panel, split: Split, settings: WalkForwardSettings) -> Floats:
    """Fit one split and return its signal over all rows of the panel, NaN outside its test groups."""
    rows = _rows(panel, split, settings)
    transformers = fit_all(panel, rows.fit)
    whole = filled(panel, transformers, rows_read(panel, rows, settings))
    fitted = fitted_model(whole, rows, settings, transformers=transformers, ranges={}).stored
    made = np.full(panel.time.size, np.nan)
    columns = [panel.names.index(name) for name in fitted.inputs]
    made[rows.test] = fitted.signal(inputs_of(whole, rows.test, columns, settings)).signal
    return made


def _traded(panel: Panel, rows: Rows, signal: Floats, settings: WalkForwardSettings, path: int) -> pd.DataFrame:
    """Trade one path: a position carries over between bars that follow each other."""
    rules, held, net = settings.trading, np.zeros(rows.size), np.zeros(rows.size)
    joined = (np.diff(panel.pair_index[rows]) == 0) & (np.diff(panel.time[rows]) == panel.timeframe_ms)
    for part in np.split(np.arange(rows.size), np.flatnonzero(~joined) + 1):
        held[part] = positions(
            signal[part],
            entry=rules.entry,
            exit=rules.exit,
            long_short=rules.long_short,
            confidence_weighted=rules.confidence_weighted,
        )
        net[part] = net_returns(held[part], panel.next_return[rows[part]], rules.cost_bps_per_side)[1]
    return pd.DataFrame(
        {
            "path": np.full(rows.size, path, dtype=np.int16),
            "time": utc_times(panel.time[rows]),
            "pair": np.array(panel.pairs, dtype=object)[panel.pair_index[rows]],
            "signal": signal,
            "position": held,
            "return_net": net,
            "label": panel.label[rows],
            "forward_return": panel.forward_return[rows],
        }
    )


def path_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Measure every path: annualised Sharpe ratio on 365 days, return, drawdown, and rank correlation of the signal."""
    rows = []
    for path, part in predictions.groupby("path", sort=True):
        _, daily = metrics.daily_returns(part.assign(part="test"))
        known = part["signal"].to_numpy(dtype=np.float64)
        rows.append(
            {
                "path": int(str(path)),
                "sharpe": metrics.sharpe(daily, periods_per_year=metrics.DAYS_PER_YEAR),
                "total_return": metrics.total_return(daily),
                "max_drawdown": metrics.max_drawdown(daily),
                "information_coefficient": scores.rank_ic(known, part["forward_return"].to_numpy(dtype=np.float64)),
            }
        )
    return pd.DataFrame(rows)
