"""The causality audit of any `features(ohlcv)` or `features(ohlcv, aux)`: one verdict per column, shown by a probe.

Static findings only explain; a probe refuses. Formulas need no probe: no operator can look ahead.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.features.audited_function import AuditedFunction
from crypto_team.features.clock_tables import Look, in_another_order, timetables
from crypto_team.features.comb import combs, suspects
from crypto_team.features.odd_rows import odd_rows
from crypto_team.features.probes import (
    TRUNCATED,
    Decision,
    Source,
    Variant,
    source,
    variant,
    variants,
    whole_variants,
)
from crypto_team.features.python_frames import OHLCV, Computed
from crypto_team.features.recall_dates import Elsewhere, other_times, recalled
from crypto_team.features.verdicts import ColumnVerdict, Values, column_noise, compared, unproven, unsteady

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BARS: Final = 6_000
DATA_FILE: Final = re.compile(
    r"^reading .*\.(parquet|feather|arrow|csv|json|npy|npz|pkl|pickle|joblib|h5|hdf5?|db|sqlite3?|gz|zst)$"
)
PLAUSIBLE_CUTS: Final = (TRUNCATED, "another path")
PLAUSIBLE: Final = frozenset(PLAUSIBLE_CUTS)
"""Futures that might as well have come: a function that fails on them hides what it does there."""


@dataclass(frozen=True)
class FrameAudit:
    """What the audit found: a verdict per column, how many futures were tried, which of them could not be, the seed."""

    verdicts: list[ColumnVerdict]
    variants: int
    notes: list[str]
    seed: int


@dataclass(frozen=True)
class _Part:
    """Some bars in a row with everything around them, and other futures of them."""

    first: int
    frames: Mapping[str, pd.DataFrame]
    tried: list[Variant]

    def jobs(self, copies: int) -> list[Mapping[str, pd.DataFrame]]:
        """Return the bars as they are, so many times, and then every other future."""
        return [*([self.frames] * copies), *(item.frames for item in self.tried)]


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def audit_frames(
    code: Path,
    function: str,
    ohlcv: pd.DataFrame,
    aux: Mapping[str, pd.DataFrame],
    *,
    decision: Decision = "close",
    seed: int | None = None,
    strict: bool = False,
) -> FrameAudit:
    """Probe a function of frames.

    The last bars and a random stretch of the others are computed with many other futures; all bars are computed alone,
    as training does, among others, with another date, and cut off at some rows. Combs of changed bars say where else to
    cut. All bars once more with other prices show what was looked up; see `recall`. Each in a process of its own.

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
        Seed of cuts and replaced futures, to repeat an audit. Without one every audit cuts elsewhere, so that nobody
        can try until a leak falls between the cuts.
    strict
        Whether the function has to return a number for each bar, as strategies ask for.

    Returns
    -------
    FrameAudit
        Rows of verdicts count bars of `ohlcv` from 0.

    Raises
    ------
    InputError
        Frames that cannot be cut, or a function that cannot be run on them.
    """
    seed = secrets.randbits(32) if seed is None else seed
    rng = np.random.default_rng(seed)
    sources = {OHLCV: source(ohlcv, OHLCV), **{name: source(frame, name) for name, frame in aux.items()}}
    frames = {name: item.frame for name, item in sources.items()}
    run = AuditedFunction(code, function, strict)
    alone = run.once(frames)
    if alone.error or not alone.columns:
        why = alone.error or "it returns no column, or their number of columns depends on the bars"
        raise InputError(f"the function cannot be run: {why}", where=f"{code.name}:{function}")
    parts = [_whole(sources, decision, rng), *_parts(sources, odd_rows(alone.columns, rng), decision, rng)]
    times = other_times(sources, np.random.default_rng([seed, 1]))
    found, results, notes, looks = _probed(run, parts, alone, times)
    refused = list(dict.fromkeys(text for item in (alone, *results) for text in item.refused))
    notes += [f"refused: {text}" for text in refused]
    clean = {name: alone.columns[name] for name in found if name in alone.columns and found[name].causal}
    parts.append(_combed(run, sources, decision, clean, rng))
    recall = recalled(clean, Elsewhere(*results[: len(times)]), sources, decision)
    ordered = in_another_order(looks, sources[OHLCV].opens.size)
    by_clock = timetables({name: ordered[name] for name in clean if name in ordered}, sources[OHLCV], decision)
    found |= by_clock | recall.verdicts
    found |= _confirmed(run, parts[-1], alone, clean)
    found |= _blind(found, refused)
    found |= {name: unproven(item, alone.columns[name]) for name, item in found.items() if name in alone.columns}
    notes += recall.notes
    return FrameAudit(list(found.values()), sum(len(part.tried) for part in parts), sorted(set(notes)), seed)


def _probed(
    run: AuditedFunction, parts: Sequence[_Part], alone: Computed, times: Sequence[Mapping[str, pd.DataFrame]]
) -> tuple[dict[str, ColumnVerdict], list[Computed], list[str], list[Look]]:
    """Compute all bars at other times, and all parts with their other futures.

    Returns verdicts by column, the results in that order, what was not probed, and each part's futures with results.
    """
    # All bars were computed alone already, as training does it; here they come once more, among others.
    copies = [1] + [2] * (len(parts) - 1)
    jobs = [job for part, count in zip(parts, copies, strict=True) for job in part.jobs(count)]
    results = run.compute([*times, *jobs])
    left = results[len(times) :]
    found: dict[str, ColumnVerdict] = {}
    notes: list[str] = []
    looks: list[Look] = []
    for part, count in zip(parts, copies, strict=True):
        bases, own = left[:count], left[count : count + len(part.tried)]
        left = left[count + len(part.tried) :]
        notes += _failures(part.tried, own)
        looks.append((part.first, part.tried, own))
        for verdict in _judged([alone, *bases][-2:], part, own, strict=run.strict):
            if verdict.column not in found or found[verdict.column].causal:
                found[verdict.column] = verdict
    return found, results, notes, looks


def _whole(sources: Mapping[str, Source], decision: Decision, rng: np.random.Generator) -> _Part:
    frames = {name: item.frame for name, item in sources.items()}
    return _Part(0, frames, list(whole_variants(sources, decision, rng)))


def _parts(
    sources: Mapping[str, Source], odd: list[int], decision: Decision, rng: np.random.Generator
) -> Iterator[_Part]:
    """Yield the last bars and, of a long series, as many from a random place before them.

    Frames that have the very rows of the bars are cut as they are; others are there in full.
    """
    own = sources[OHLCV]
    starts = [max(0, own.opens.size - MOST_BARS)]
    if starts[0] > 0:
        starts.append(int(rng.integers(0, max(1, starts[0] - MOST_BARS + 1))))
    for start in starts:
        cut = {
            name: item.rows(start, start + MOST_BARS) if np.array_equal(item.opens, own.opens) else item
            for name, item in sources.items()
        }
        inside = [row - start for row in odd if start <= row < start + cut[OHLCV].opens.size]
        yield _Part(start, {name: item.frame for name, item in cut.items()}, list(variants(cut, decision, rng, inside)))


def _combed(
    run: AuditedFunction,
    sources: Mapping[str, Source],
    decision: Decision,
    columns: Mapping[str, Values],
    rng: np.random.Generator,
) -> _Part:
    """Return all bars, to be cut where combs of changed bars make a column suspicious; see `comb`."""
    made = combs(sources, decision, rng) if columns else []
    results = run.compute([item.frames for item in made]) if made else []
    rows = suspects(columns, [(comb, item.columns) for comb, item in zip(made, results, strict=True)], decision)
    frames = {name: item.frame for name, item in sources.items()}
    tried = [
        variant(sources, row, PLAUSIBLE_CUTS[number % 2], decision, rng)
        for number, row in enumerate(rows)
        if row <= sources[OHLCV].opens.size - 2
    ]
    return _Part(0, frames, tried)


def _confirmed(
    run: AuditedFunction, part: _Part, alone: Computed, columns: Mapping[str, Values]
) -> dict[str, ColumnVerdict]:
    """Cut where combs made columns suspicious; return the verdicts on those that look ahead there."""
    if not part.tried:
        return {}
    results = run.compute(part.jobs(1))
    found = _judged([alone, results[0]], part, results[1:], strict=run.strict)
    return {item.column: item for item in found if item.column in columns and not item.causal}


def _judged(
    bases: Sequence[Computed], part: _Part, results: Sequence[Computed], *, strict: bool
) -> Iterator[ColumnVerdict]:
    """Yield the verdict on each column of a part."""
    whole, again = bases
    if whole.error or again.error:
        raise InputError(f"the function cannot be run on some of the bars: {whole.error or again.error}")
    names = set(whole.columns)
    if strict and any(set(item.columns) != names for item in (again, *results) if not item.error):
        yield ColumnVerdict("", False, "run", -1, -1, np.nan, np.nan, "the number of columns depends on the bars")
        return
    for name in whole.columns:
        verdict = _verdict(name, whole, again, part, results)
        cut, row = (place + part.first if place >= 0 else -1 for place in (verdict.cut, verdict.row))
        yield replace(verdict, cut=cut, row=row)


def _verdict(name: str, whole: Computed, again: Computed, part: _Part, results: Sequence[Computed]) -> ColumnVerdict:
    """Return the first probe that a column failed, or that it survived all."""
    base = whole.columns[name]
    if name not in again.columns or again.columns[name].shape != base.shape:
        return ColumnVerdict(name, False, "repeated", -1, -1, np.nan, np.nan, "the column is there only sometimes")
    second = again.columns[name]
    noise = column_noise(base, second)
    failed = unsteady(name, "ohlcv", base, second, noise)
    for item, result in zip(part.tried, results, strict=True):
        if failed is not None:
            return failed
        failed = _failed(name, base, item, result, noise)
    done = sum(not result.error for result in results)
    text = f"{done} replaced futures, each in a process of its own, changed nothing up to the decision"
    return failed or ColumnVerdict(name, True, "all", -1, -1, np.nan, np.nan, text)


def _failed(name: str, base: Values, item: Variant, result: Computed, noise: Values) -> ColumnVerdict | None:
    """Return what one other future shows about a column."""
    if result.error:
        if item.probe not in PLAUSIBLE or item.row < base.size // 3:
            return None
        text = f"the function fails when only later bars differ: {result.error}"
        return ColumnVerdict(name, False, item.probe, item.row, -1, np.nan, np.nan, text)
    if name not in result.columns:
        text = "the column is missing when only later bars differ"
        return ColumnVerdict(name, False, item.probe, item.row, -1, np.nan, np.nan, text)
    return compared(name, "ohlcv", (item.probe, item.row), base, result.columns[name], noise)


def _blind(found: Mapping[str, ColumnVerdict], refused: Sequence[str]) -> dict[str, ColumnVerdict]:
    """Refuse all columns of code that goes on without data that it may not read here: elsewhere it computes others."""
    data = next((text for text in refused if DATA_FILE.search(text)), None)
    if data is None:
        return {}
    text = (
        f"the code goes on without data that it tried to read, so that this is not what it computes elsewhere ({data})"
    )
    return {
        name: item if not item.causal else replace(item, causal=False, probe="files", explanation=text)
        for name, item in found.items()
    }


def _failures(tried: Sequence[Variant], results: Sequence[Computed]) -> list[str]:
    """Say which probes the function refused to run on; when it runs on none of them, nothing is proven."""
    failed = [(item.probe, result.error) for item, result in zip(tried, results, strict=True) if result.error]
    if len(failed) == len(tried):
        raise InputError(f"the function fails on every other future: {failed[0][1]}", where="features")
    return [f"probe '{probe}' could not be run at some cuts: {error}" for probe, error in failed]
