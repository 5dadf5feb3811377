"""Proves formulas on candles from a file, or on random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.schemas.outcome import Finding, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.features.surroundings import Frame
    from crypto_team.tools.session import Session

FEWEST, MOST = 1_000, 1_000_000


def proved(
    session: Session, formulas: list[str], set_name: str, data: Path | None, timeframe: str, bars: int
) -> Outcome:
    """Prove formulas and those of a set; what a set reads beside the bars is left out and named."""
    from crypto_team.features.proof import prove
    from crypto_team.features.warming import warm

    if not FEWEST <= bars <= MOST:
        raise UsageError(f"between {FEWEST:,} and {MOST:,} bars, not {bars:,}", where="--bars")
    texts, left_out = _texts(formulas, set_name, timeframe)
    frame = _frame(data, timeframe, bars)
    warm(lambda share, text: session.progress(0.3 * share, text))
    proofs = prove(texts, frame, timeframe, lambda share, text: session.progress(0.3 + 0.7 * share, text))
    rows = [
        {
            "formula": item.formula,
            "lookback": item.lookback,
            "unknown": item.unknown,
            "verdict": "kept" if item.kept else "broken: " + ", ".join(item.broken),
        }
        for item in proofs
    ]
    broken = [item.formula for item in proofs if not item.kept]
    named = f"{len(broken)} of {len(rows)} formulas break a promise" if broken else f"{len(rows)} formula(s) proved"
    return Outcome(
        ok=not broken,
        summary=f"{named} on {frame.times.size:,} {'random ' if data is None else ''}bars of {timeframe}",
        data=rows,
        findings=left_out,
        exit_code=1 if broken else 0,
    )


def _texts(formulas: list[str], set_name: str, timeframe: str) -> tuple[list[str], list[Finding]]:
    from crypto_team.features.formula import expand, parse
    from crypto_team.features.needs import reads_beyond
    from crypto_team.features.sets import feature_set

    texts = [text for formula in formulas for text in expand(formula, timeframe)]
    left_out = []
    for item in feature_set(set_name) if set_name else ():
        if parse(item.formula, timeframe).kind == "fitted" or reads_beyond(item.formula):
            left_out.append(
                Finding(code="left-out", severity="info", message=f"{item.name} reads more than the bars of one pair")
            )
        else:
            texts.append(item.formula)
    if not texts and left_out:
        raise NotFoundError(f"every feature of {set_name} reads more than the bars of one pair", where="--set")
    if not texts:
        raise UsageError("nothing to prove", hint='give --formula "rsi(close, 14)" or --set standard')
    return texts, left_out


def _frame(data: Path | None, timeframe: str, bars: int) -> Frame:
    from crypto_team.data.frame import regularise
    from crypto_team.data.importing import read_series
    from crypto_team.features.matrix import bar_frame
    from crypto_team.features.proof import random_bars
    from crypto_team.features.scopes import TIMEFRAMES

    step = TIMEFRAMES[timeframe]
    if data is None:
        return random_bars(step, bars)
    if data.is_dir():
        raise UsageError("one file of candles, not a folder", where="--data")
    series = read_series(data, pair="PAIR/UNNAMED", timeframe=timeframe)[0]
    return bar_frame(regularise(series.frame, timeframe), step)
