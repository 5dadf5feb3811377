"""One strategy of known truth, and the frame that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from textwrap import indent

_HEAD = """from __future__ import annotations

import numpy as np
import pandas as pd
from freqtrade.strategy import IStrategy, informative, merge_informative_pair
"""
_CLASS = """

class Sample(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "5m"
    can_short = False
    startup_candle_count = {startup}
    stoploss = -0.05
    minimal_roi = {{"0": 0.04}}
    use_exit_signal = True
    process_only_new_candles = True

{body}
    def populate_entry_trend(self, dataframe, metadata):
{entry}
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
{exit}
        return dataframe
"""
_INDICATORS = """    def populate_indicators(self, dataframe, metadata):
        df = dataframe
{lines}
        return df

"""
ENTRY = 'dataframe["enter_long"] = (dataframe["gap"] > 0).astype(int)'
EXIT = 'dataframe["exit_long"] = (dataframe["gap"] < 0).astype(int)'
GAP = 'df["gap"] = df["close"].rolling(6).mean() - df["close"].rolling(24).mean()'


@dataclass(frozen=True, slots=True)
class CorpusStrategy:
    """A strategy's source with its name, what makes it leak (or look as if), and files that lie beside it."""

    name: str
    mechanism: str
    source: str
    beside: dict[str, str] = field(default_factory=dict)


def strategy(
    name: str,
    mechanism: str,
    lines: str = GAP,
    *,
    extra: str = "",
    entry: str = ENTRY,
    leave: str = EXIT,
    startup: int = 60,
    beside: dict[str, str] | None = None,
) -> CorpusStrategy:
    """Write a strategy: lines of `populate_indicators` (the frame is `df`, its value `gap`) and more methods."""
    body = indent(extra.strip("\n"), "    ") + "\n\n" if extra else ""
    body += _INDICATORS.format(lines=indent(lines.strip("\n").replace("\n\n", "\n"), " " * 8))
    text = _CLASS.format(
        body=body,
        entry=indent(entry.strip("\n"), " " * 8),
        exit=indent(leave.strip("\n"), " " * 8),
        startup=startup,
    )
    return CorpusStrategy(name, mechanism, _HEAD + text, beside or {})


def on_futures(case: CorpusStrategy) -> CorpusStrategy:
    """Return a strategy as one that may sell short, and is traded on futures."""
    return replace(case, source=case.source.replace("can_short = False", "can_short = True"))
