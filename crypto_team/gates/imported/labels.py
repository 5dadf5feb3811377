"""Labels, forward returns and label ends of foreign evidence, recomputed from closes under the conventions in use."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.imported.case import ImportedFacts
from crypto_team.gates.recompute import close_at, milliseconds
from crypto_team.gates.registry import Verdict, insufficient, judge
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.scores import rank_ic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TINY = 1e-6
LOOSE_RANK = 0.5
SHIFTS = tuple(shift for shift in range(-12, 13) if shift)
"""A zone of time is off by up to twelve hours; on other timeframes the bar before and after say most."""


@dataclass
class _Count:
    wrong: int = 0
    first: str = ""

    def add(self, rows: pd.DataFrame, wrong: npt.NDArray[np.bool_], ahead: Floats | None = None) -> None:
        if wrong.any() and not self.first:
            row = rows.iloc[int(wrong.argmax())]
            self.first = f"{row['pair']} at {row['time']}"
            if ahead is not None:
                self.first += f": {row['forward_return']:.6g} stored, {ahead[int(wrong.argmax())]:.6g} from the closes"
        self.wrong += int(wrong.sum())


def labels_from_closes(
    meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame, imported: ImportedFacts
) -> Verdict:
    """Recompute what each row says about its future; simple and logarithmic returns are both in use.

    Where the market had outages, a horizon may count time or rows (`close.shift(-h)`): what fits more rows of a pair
    counts for all of them.
    """
    step = timeframe_seconds(meta.timeframe) * 1000
    counts = {name: _Count() for name in ("forward_return", "label", "label_end")}
    confirmed = by_rows = 0
    pieces = []
    for pair, rows in predictions.groupby("pair", sort=True):
        future = _future(rows, market[market["pair"] == pair], meta.horizon_bars, step)
        stored = rows["forward_return"].to_numpy(dtype=np.float64)
        confirmed += int((np.isfinite(future.ahead) & np.isfinite(stored)).sum())
        by_rows += int((future.ends - milliseconds(rows["time"]) > meta.horizon_bars * step).sum())
        counts["forward_return"].add(rows, _wrong(stored, future.ahead), future.ahead)
        counts["label_end"].add(rows, _early_end(rows, future.ends, meta.horizon_bars, step))
        pieces.append((rows, future.ahead))
    told = "expected_bps" in predictions and bool(predictions["expected_bps"].notna().any())
    _judge_labels(pieces, imported, counts["label"], regression=meta.target.kind == "return" and told)
    if confirmed == 0:
        return _unconfirmed(predictions, counts)
    explained = _explained(pieces, market, meta.horizon_bars, step) if counts["forward_return"].wrong else ""
    if by_rows:
        explained += f"; the horizon counts rows, not time: {by_rows} rows reach over an outage"
    return _verdict(counts, confirmed, explained)


@dataclass(frozen=True)
class _Future:
    """The forward return of every row of one pair, and the time of the bar that it ends at (the row's own: unknown)."""

    ahead: Floats
    ends: Ints


def _future(rows: pd.DataFrame, closes: pd.DataFrame, horizon: int, step: int) -> _Future:
    """Return what lies ahead of every row, by time or by rows of the market, whichever the stored returns follow."""
    times = milliseconds(rows["time"])
    by_time = _Future(_ahead(rows, closes, horizon, step), times + horizon * step)
    by_row = _rows_ahead(times, closes, horizon)
    stored = rows["forward_return"].to_numpy(dtype=np.float64)
    return by_row if _wrong(stored, by_row.ahead).sum() < _wrong(stored, by_time.ahead).sum() else by_time


def _rows_ahead(times: Ints, closes: pd.DataFrame, horizon: int) -> _Future:
    known, close = _closes(closes)
    place = np.searchsorted(known, times)
    there = (place < known.size - horizon) & np.isin(times, known)
    ahead, ends = np.full(times.size, np.nan), times.copy()
    at = place[there]
    ahead[there] = close[at + horizon] / close[at] - 1.0
    ends[there] = known[at + horizon]
    return _Future(ahead, ends)


def _wrong(stored: Floats, ahead: Floats) -> npt.NDArray[np.bool_]:
    """Mark stored returns that prices contradict, or that have no prices."""
    return np.asarray(np.isfinite(stored) & ~(np.isfinite(ahead) & _same(stored, ahead)))


def _explained(pieces: list[tuple[pd.DataFrame, Floats]], market: pd.DataFrame, horizon: int, step: int) -> str:
    """Say what most of the stored forward returns are instead: percentages, or those of other bars."""
    stored = np.concatenate([rows["forward_return"].to_numpy(dtype=np.float64) for rows, _ in pieces])
    ahead = np.concatenate([each for _, each in pieces])
    most = int(np.isfinite(stored).sum()) // 2
    for factor, name in ((100.0, "percentages"), (1e4, "basis points")):
        if int(_same(stored / factor, ahead).sum()) > most:
            return f"; they are {name}, not fractions"
    for shift in sorted(SHIFTS, key=abs):
        moved = np.concatenate(
            [
                _ahead(
                    rows.assign(time=rows["time"] + pd.Timedelta(step * shift, "ms")),
                    market[market["pair"] == rows["pair"].iloc[0]],
                    horizon,
                    step,
                )
                for rows, _ in pieces
            ]
        )
        if int((np.isfinite(moved) & _same(stored, moved)).sum()) > most:
            where = "the bar" if abs(shift) == 1 else f"{abs(shift)} bars"
            return f"; they are those of {where} {'before' if shift < 0 else 'after'}"
    return ""


def _unconfirmed(predictions: pd.DataFrame, counts: dict[str, _Count]) -> Verdict:
    if predictions["forward_return"].isna().all():
        return insufficient("no row states a forward return", evidence=("predictions.parquet: forward_return",))
    wrong = counts["forward_return"].wrong
    return judge(False, f"none of {wrong} forward returns has prices at its two ends in market.parquet", wrong)


def _verdict(counts: dict[str, _Count], confirmed: int, explained: str) -> Verdict:
    total = sum(each.wrong for each in counts.values())
    text = ", ".join(f"{name}: {each.wrong} differ" for name, each in counts.items()) + f" of {confirmed} rows"
    text += explained
    lines = tuple(f"predictions.parquet: {name}, first {each.first}" for name, each in counts.items() if each.wrong)
    return judge(total == 0, text, total, evidence=lines or ("predictions.parquet",))


def _ahead(rows: pd.DataFrame, closes: pd.DataFrame, horizon: int, step: int) -> Floats:
    times = milliseconds(rows["time"])
    known, close = _closes(closes)
    if known.size == 0:
        return np.full(len(rows), np.nan)
    return np.asarray(close_at(times + horizon * step, known, close) / close_at(times, known, close) - 1.0)


def _closes(closes: pd.DataFrame) -> tuple[Ints, Floats]:
    """Return the times of a pair's bars, each once and ascending, and their closes."""
    known, place = np.unique(milliseconds(closes["time"]), return_index=True)
    return known, closes["close"].to_numpy(dtype=np.float64)[place]


def _same(stored: Floats, ahead: Floats) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore", divide="ignore"):
        simple = np.isclose(stored, ahead, rtol=1e-4, atol=TINY)
        return np.asarray(simple | np.isclose(stored, np.log1p(ahead), rtol=1e-4, atol=TINY))


def _early_end(rows: pd.DataFrame, ends: Ints, horizon: int, step: int) -> npt.NDArray[np.bool_]:
    """Mark labels that claim to be known before their horizon is over, or more than a bar after its end."""
    told = rows["label_end"].notna().to_numpy() & rows["label"].notna().to_numpy()
    said = milliseconds(rows["label_end"])
    begun = milliseconds(rows["time"])
    late = said >= np.maximum(ends, begun + horizon * step) + 2 * step
    return np.asarray(told & (((said - begun) // step < horizon) | late))


def _judge_labels(
    pieces: list[tuple[pd.DataFrame, Floats]], imported: ImportedFacts, count: _Count, *, regression: bool
) -> None:
    """Count labels that their own forward return contradicts."""
    kind = "return" if regression else imported.label.kind
    for rows, ahead in pieces:
        label = rows["label"].to_numpy(dtype=np.float64)
        known = np.isfinite(label) & np.isfinite(ahead)
        if kind == "return":
            wrong = known & ~(_same(label, ahead) | _same(label / 1e4, ahead) | _same(label / 100.0, ahead))
        elif kind == "direction":
            wrong = known & (np.abs(ahead) > TINY) & ((label > 0.5) != (ahead > 0.0))
        else:
            wrong = np.zeros(len(rows), dtype=bool)
        count.add(rows, wrong)
    if kind in {"n_class", "other"} and pieces:
        _judge_order(pieces, count, strictly=kind == "n_class")


def _judge_order(pieces: list[tuple[pd.DataFrame, Floats]], count: _Count, *, strictly: bool) -> None:
    """Count rows whose class is out of order with their forward return: between classes there is one limit."""
    rows = pd.concat([piece[0] for piece in pieces])
    ahead = np.concatenate([piece[1] for piece in pieces])
    label = rows["label"].to_numpy(dtype=np.float64)
    known = np.isfinite(label) & np.isfinite(ahead)
    wrong = np.zeros(len(rows), dtype=bool)
    if not strictly and known.sum() > 30:
        if rank_ic(label[known], ahead[known]) < LOOSE_RANK:
            wrong = known
        count.add(rows, wrong)
        return
    classes = np.unique(label[known])
    for lower, upper in itertools.pairwise(classes):
        limit = _best_limit(ahead[known & (label == lower)], ahead[known & (label == upper)])
        wrong |= known & (label == lower) & (ahead > limit + TINY)
        wrong |= known & (label == upper) & (ahead < limit - TINY)
    count.add(rows, wrong)


def _best_limit(lower: Floats, upper: Floats) -> float:
    """Return the limit between two classes that fewest rows contradict."""
    values = np.sort(np.concatenate([lower, upper]))
    above = lower.size - np.searchsorted(np.sort(lower), values, side="right")
    below = np.searchsorted(np.sort(upper), values, side="left")
    return float(values[int((above + below).argmin())])
