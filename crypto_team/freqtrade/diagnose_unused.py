"""Columns that look ahead and decide nothing: labels and plots, where it is proven that nothing reads them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from crypto_team.freqtrade.diagnose_data import Market
from crypto_team.freqtrade.diagnose_judge import ROWS, SIGNALS, Evidence
from crypto_team.freqtrade.diagnose_runs import Bench, Run, Task

CONTENTS: Final = ("absent", "lowest", "highest", "far below", "far above", "unknown", "zero", "shuffled")
"""What callbacks find in place of a column; each takes a backtest."""


def weighed(found: list[Evidence], bench: Bench, market: Market, calls: Run) -> list[Evidence]:
    """Return the evidence with columns marked as unused where no run and no line reads them.

    A leak may show on candles where it changes no signal, so that the signals stay the same in every future proves
    nothing: the column has to be absent, and to hold anything at all, without any signal or answer being another one.
    """
    columns = [item for item in found if not decides(item) and item.kind != "startup"]
    if not columns or any(decides(item) and item.kind != "startup" for item in found):
        return found
    names = tuple(dict.fromkeys(item.what for item in columns))
    asked = bench.run([Task(market, "readers", spoil=names)])[0]
    if asked.error:
        return found
    unread = tuple(name for name in names if name not in asked.readers)
    if unread and calls.calls:
        runs = bench.run([Task(market, "callbacks", spoil=unread, content=content) for content in CONTENTS])
        if any(run.error or run.calls != calls.calls for run in runs):
            unread = ()
    return [replace(item, matters=item.what not in unread) if item in columns else item for item in found]


def decides(item: Evidence) -> bool:
    """Tell whether it is a signal, an answer of a callback, or which candles there are: what needs no reader."""
    return item.what in SIGNALS or item.what.endswith("()") or item.what == ROWS
