"""The causality audit of the Python features of a strategy: every pair's candles through the audit of frames."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.errors import InputError, WorkerError
from crypto_team.features.frame_audit import audit_frames
from crypto_team.features.python_features import bars_of
from crypto_team.features.verdicts import ColumnVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd


def audit_python(
    code_path: Path,
    function: str,
    bars: Mapping[str, pd.DataFrame],
    aux: Mapping[str, Mapping[str, pd.DataFrame]] | None = None,
    *,
    seed: int | None = None,
) -> list[ColumnVerdict]:
    """Probe a function on the candles of every pair.

    Parameters
    ----------
    code_path
        Python file; it runs in guarded child processes only.
    function
        Name of the function in it.
    bars
        Regular bars by pair.
    aux
        Other frames that the function is handed, by pair.
    seed
        Seed of cuts and replaced futures, to repeat an audit. Without one every audit cuts elsewhere, so that nobody
        can try until a leak falls between the cuts; the verdict names the seed.

    Returns
    -------
    list
        One verdict per column and pair: the first probe that a column failed, or that it survived all.
    """
    seed = secrets.randbits(32) if seed is None else seed
    verdicts: list[ColumnVerdict] = []
    for number, (pair, frame) in enumerate(sorted(bars.items())):
        verdicts += _of_pair(code_path, function, pair, (bars_of(frame), (aux or {}).get(pair, {})), seed + number)
    return verdicts


def _of_pair(
    code_path: Path, function: str, pair: str, frames: tuple[pd.DataFrame, Mapping[str, pd.DataFrame]], seed: int
) -> Iterator[ColumnVerdict]:
    try:
        found = audit_frames(code_path, function, *frames, seed=seed, strict=True)
    except (WorkerError, InputError) as problem:
        text = f"the function cannot be run on {pair}: {problem.what}"
        yield ColumnVerdict(function, False, "run", -1, -1, np.nan, np.nan, text)
        return
    single = len(found.verdicts) == 1
    for place, verdict in enumerate(found.verdicts):
        name = function if single or not verdict.column else f"{function}[{place}]"
        yield replace(verdict, column=name, explanation=f"{verdict.explanation} of {pair} (seed {seed})")
