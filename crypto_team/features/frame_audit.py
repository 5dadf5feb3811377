"""The causality audit of any `features(ohlcv)` or `features(ohlcv, aux)`: one verdict per column, shown by a probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.features.probes import Decision, Source, Variant, source, variants
from crypto_team.features.python_frames import OHLCV, Computed, compute_frames
from crypto_team.features.verdicts import ColumnVerdict, column_noise, compared, unsteady

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BARS: Final = 6_000
SECONDS, SECONDS_EACH, MEMORY_MB = 120.0, 8.0, 4096


@dataclass(frozen=True)
class FrameAudit:
    """What the audit found: a verdict per column, how many futures were tried, and which of them could not be."""

    verdicts: list[ColumnVerdict]
    variants: int
    notes: list[str]


def audit_frames(
    code: Path,
    function: str,
    ohlcv: pd.DataFrame,
    aux: Mapping[str, pd.DataFrame],
    *,
    decision: Decision = "close",
    seed: int = 0,
) -> FrameAudit:
    """Probe a function of frames.

    Parameters
    ----------
    code, function
        Python file, run in guarded child processes only, and the function's name in it.
    ohlcv
        Bars that features belong to, one row of features for each; times are bar opens.
    aux
        Other frames, handed over by name. Each row is known at its bar's close, or when its `known_at` says.
    decision
        Whether a row of features decides at its bar's close, or already at its open.
    seed
        Seed of cuts and replaced futures.

    Returns
    -------
    FrameAudit
        Rows of verdicts count bars of `ohlcv` from 0.
    """
    whole = {OHLCV: source(ohlcv, OHLCV), **{name: source(frame, name) for name, frame in aux.items()}}
    rng = np.random.default_rng(seed)
    found: dict[str, ColumnVerdict] = {}
    count, notes = 0, []
    for first, sources in _parts(whole, rng):
        tried = list(variants(sources, decision, rng))
        count += len(tried)
        base = {name: item.frame for name, item in sources.items()}
        limits = {"seconds": SECONDS + SECONDS_EACH * len(tried), "memory_mb": MEMORY_MB}
        results = compute_frames(code, function, [base, base, *(item.frames for item in tried)], **limits)  # type: ignore[arg-type]
        if results[0].error or not results[0].columns:
            raise InputError(
                f"the function cannot be run: {results[0].error or 'it returns no column'}",
                where=f"{code.name}:{function}",
            )
        notes += _failures(tried, results[2:])
        for verdict in _judged(results, tried):
            placed = _placed(verdict, first)
            if verdict.column not in found or found[verdict.column].causal:
                found[verdict.column] = placed
    return FrameAudit(list(found.values()), count, sorted(set(notes)))


def _parts(whole: Mapping[str, Source], rng: np.random.Generator) -> Iterator[tuple[int, dict[str, Source]]]:
    """Yield the last bars and, of a long series, as many from a random place before them, with other frames in full."""
    own = whole[OHLCV]
    starts = [max(0, own.opens.size - MOST_BARS)]
    if starts[0] > 0:
        starts.append(int(rng.integers(0, max(1, starts[0] - MOST_BARS + 1))))
    for start in starts:
        rows = slice(start, start + MOST_BARS)
        part = Source(own.frame.iloc[rows], own.opens[rows], own.known[rows], own.step)
        if not isinstance(own.frame.index, pd.DatetimeIndex):
            part = replace(part, frame=part.frame.reset_index(drop=True))
        yield start, {**whole, OHLCV: part}


def _judged(results: Sequence[Computed], tried: Sequence[Variant]) -> list[ColumnVerdict]:
    whole, again = results[0], results[1]
    return [_verdict(name, whole, again, tried, results[2:]) for name in whole.columns]


def _verdict(
    name: str, whole: Computed, again: Computed, tried: Sequence[Variant], results: Sequence[Computed]
) -> ColumnVerdict:
    """Return the first probe that a column failed, or that it survived all."""
    base = whole.columns[name]
    if name not in again.columns:
        return ColumnVerdict(name, False, "repeated", -1, -1, np.nan, np.nan, "the column is there only sometimes")
    second = again.columns[name]
    noise = column_noise(base, second)
    failed = unsteady(name, "ohlcv", base, second, noise)
    for item, result in zip(tried, results, strict=True):
        if failed is not None:
            return failed
        if result.error:
            continue
        if name not in result.columns:
            text = "the column is missing when only later bars differ"
            return ColumnVerdict(name, False, item.probe, item.row, -1, np.nan, np.nan, text)
        failed = compared(name, "ohlcv", (item.probe, item.row), base, result.columns[name], noise)
    done = sum(not result.error for result in results)
    text = f"{done} replaced futures, each in a process of its own, changed nothing up to the decision"
    return failed or ColumnVerdict(name, True, "all", -1, -1, np.nan, np.nan, text)


def _placed(verdict: ColumnVerdict, first: int) -> ColumnVerdict:
    """Count rows from the first bar of the whole frame."""
    cut = verdict.cut + first if verdict.cut >= 0 else -1
    row = verdict.row + first if verdict.row >= 0 else -1
    return replace(verdict, cut=cut, row=row)


def _failures(tried: Sequence[Variant], results: Sequence[Computed]) -> list[str]:
    """Say which probes the function refused to run on; when it runs on none of them, nothing is proven."""
    failed = [(item.probe, result.error) for item, result in zip(tried, results, strict=True) if result.error]
    if len(failed) == len(tried):
        raise InputError(f"the function fails on every other future: {failed[0][1]}", where="features")
    return [f"probe '{probe}' could not be run at some cuts: {error}" for probe, error in failed]
