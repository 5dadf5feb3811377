"""Trying a formula on candles of a file: what it looks like, what it predicts, and whether it keeps its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import InputError, UsageError
from crypto_team.roles import seals
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from crypto_team.features.nodes import Node
    from crypto_team.tools.session import Session

    Floats = npt.NDArray[np.float64]

LIVE_BARS, CUTS, LEAST_BARS = 50, 8, 100
SAME: Final = 1e-5
"""Exponential averages are cut off where their weight falls below one millionth."""


def tried(session: Session, formula: str, data: Path, horizon_bars: int) -> Outcome:
    """Compute a formula in every way there is and compare; nothing is written anywhere."""
    from crypto_team.features.composition import formula_values
    from crypto_team.features.formula import canonical_text, expand, parse
    from crypto_team.features.matrix import bar_frame
    from crypto_team.features.nodes import column_name

    bars, timeframe, sealed = _unsealed(session, data)
    if not 1 <= horizon_bars < len(bars) // 2:
        raise UsageError(f"between 1 and {len(bars) // 2 - 1} bars", where="--horizon-bars")
    texts = expand(formula, timeframe)
    nodes = [parse(text, timeframe) for text in texts]
    _refuse_fitted(nodes)
    frame = bar_frame(bars)
    _refuse_short(nodes, frame.times.size, frame.step)
    whole = formula_values(nodes, frame, None)
    session.progress(0.3, "cut off")
    causal = _cut_off(nodes, bars, whole)
    session.progress(0.6, "bar by bar")
    live = _bar_by_bar(texts, timeframe, bars, whole)
    session.progress(0.8, "from the look-back alone")
    enough = _from_look_back(nodes, bars, whole)
    rows = [
        {
            "name": column_name(node),
            **_looked_at(node, values, bars, horizon_bars),
            "causal": causal[number],
            "live_equal": live[number],
            "lookback_enough": enough[number],
            "formula": canonical_text(node),
        }
        for number, (node, values) in enumerate(zip(nodes, whole, strict=True))
    ]
    good = all(row["causal"] and row["live_equal"] and row["lookback_enough"] for row in rows)
    summary = f"{len(rows)} feature(s) on {len(bars):,} bars of {timeframe}"
    summary += f"; what lies behind {sealed} is sealed and was left out" if sealed else ""
    return Outcome(ok=good, summary=summary, data=rows, exit_code=0 if good else 1)


def _unsealed(session: Session, data: Path) -> tuple[pd.DataFrame, str, str | None]:
    """Read candles, without those that a registered dataset of their market seals."""
    bars, timeframe = _candles(data)
    sealed = seals.sealed_from(session, data, bars, timeframe)
    if sealed:
        bars = bars[bars["timestamp"] < sealed].reset_index(drop=True)
    if len(bars) < LEAST_BARS:
        raise InputError(
            f"{len(bars)} bars lie before the seal of this market ({sealed}), at least {LEAST_BARS} are needed",
            where=str(data),
        )
    return bars, timeframe, sealed


def _candles(data: Path) -> tuple[pd.DataFrame, str]:
    """Read candles and tell their timeframe from the distance between most of them."""
    import numpy as np

    from crypto_team.data.frame import canonical, epoch_ms
    from crypto_team.features.probes import source
    from crypto_team.features.scopes import TIMEFRAMES
    from crypto_team.roles.frame_audits import table

    raw = table(data)
    opens = np.unique(source(raw, str(data)).opens)
    step = int(np.median(np.diff(opens))) if opens.size > 1 else 0
    timeframe = next((name for name, length in TIMEFRAMES.items() if length == step), None)
    if timeframe is None:
        raise InputError("the bars have no usual distance", where=str(data), hint=f"one of {', '.join(TIMEFRAMES)}")
    bars = canonical(raw, timeframe=timeframe, where=str(data))
    times = epoch_ms(bars["timestamp"])
    gaps = np.flatnonzero(np.diff(times) != step)
    if gaps.size:
        raise InputError(
            f"{gaps.size} gap(s), the first behind row {int(gaps[0])}",
            where=str(data),
            hint="crypto-team data import FILE fills and books them",
        )
    if len(bars) < LEAST_BARS:
        raise InputError(f"{len(bars)} bars, at least {LEAST_BARS} are needed", where=str(data))
    return bars, timeframe


def _refuse_fitted(nodes: list[Node]) -> None:
    from crypto_team.features.nodes import canonical_text, reads

    for part in (part for node in nodes for part in reads(node)):
        if part.kind == "series" or (part.kind == "scope" and part.name != "on"):
            raise UsageError(
                f"{canonical_text(part)} needs more than the bars of its own pair",
                where="formula",
                hint="crypto-team ml-engineer test-feature STR-NNN FORMULA reads the catalog",
            )
    for node in nodes:
        if node.kind == "fitted":
            raise UsageError(
                f"{canonical_text(node)} is fitted in every fold",
                where="formula",
                hint="crypto-team ml-engineer test-feature STR-NNN FORMULA fits it on the first half",
            )


def _refuse_short(nodes: list[Node], bars: int, step: int) -> None:
    """Refuse a window that is longer than the data: on no bar there would be anything to agree on."""
    from crypto_team.features.nodes import canonical_text
    from crypto_team.features.plan import lookback

    for node in nodes:
        needed = lookback(node, step) + 1
        if needed > bars:
            raise InputError(
                f"{canonical_text(node)} needs {needed:,} bars, there are {bars:,}",
                where="formula",
                hint="shorter windows, or more bars",
            )


def _cut_off(nodes: list[Node], bars: pd.DataFrame, whole: list[Floats]) -> list[bool]:
    """Say for each formula whether no value changes, bit for bit, when later bars are not there."""
    from crypto_team.features.composition import formula_values
    from crypto_team.features.matrix import bar_frame

    step, made = bar_frame(bars).step, [True] * len(nodes)
    for part in range(1, CUTS + 1):
        rows = len(bars) * part // (CUTS + 1)
        found = formula_values(nodes, bar_frame(bars.iloc[:rows], step), None)
        for number, values in enumerate(found):
            made[number] &= values.tobytes() == whole[number][:rows].tobytes()
    return made


def _bar_by_bar(texts: list[str], timeframe: str, bars: pd.DataFrame, whole: list[Floats]) -> list[bool]:
    """Say for each formula whether the last bars have the same bits when they come one by one."""
    import numpy as np

    from crypto_team.data.frame import epoch_ms
    from crypto_team.features.nodes import COLUMNS
    from crypto_team.features.online import OnlineFeatures

    live, first = OnlineFeatures(texts, timeframe=timeframe), len(bars) - LIVE_BARS
    live.warm_up(bars.iloc[:first])
    times, names = epoch_ms(bars["timestamp"]), [name for name in COLUMNS if name in bars]
    columns = {name: bars[name].to_numpy(np.float64) for name in names}
    made = [True] * len(texts)
    for row in range(first, len(bars)):
        bar = {"timestamp": int(times[row]), **{name: float(columns[name][row]) for name in names}}
        for number, value in enumerate(live.update(bar)):
            made[number] &= value.tobytes() == whole[number][row].tobytes() or bool(
                np.isnan(value) and np.isnan(whole[number][row])
            )
    return made


def _from_look_back(nodes: list[Node], bars: pd.DataFrame, whole: list[Floats]) -> list[bool]:
    """Say for each formula whether its last value can be had from the bars of its look-back alone."""
    import numpy as np

    from crypto_team.features.composition import formula_values
    from crypto_team.features.matrix import bar_frame
    from crypto_team.features.plan import lookback

    step, made = bar_frame(bars).step, []
    for node, values in zip(nodes, whole, strict=True):
        part = bars.iloc[-lookback(node, step) - 1 :]
        found, known = formula_values([node], bar_frame(part, step), None)[0][-1], values[np.isfinite(values)]
        spread = float(np.ptp(known)) if known.size else 0.0
        made.append(bool(np.isclose(found, values[-1], rtol=SAME, atol=SAME * spread, equal_nan=True)))
    return made


def _looked_at(node: Node, values: Floats, bars: pd.DataFrame, horizon_bars: int) -> dict[str, Any]:
    import numpy as np

    from crypto_team.features.matrix import bar_frame
    from crypto_team.features.plan import lookback
    from crypto_team.labels import forward_returns
    from crypto_team.validation.scores import rank_ic

    known = values[np.isfinite(values)]
    ahead = forward_returns(bars["close"].to_numpy(np.float64), horizon_bars)
    return {
        "lookback": lookback(node, bar_frame(bars).step),
        "known": round(known.size / values.size, 4),
        "mean": float(known.mean()) if known.size else None,
        "std": float(known.std()) if known.size else None,
        "least": float(known.min()) if known.size else None,
        "most": float(known.max()) if known.size else None,
        "last": float(values[-1]) if np.isfinite(values[-1]) else None,
        "rank_ic": _number(rank_ic(values, ahead)),
    }


def _number(value: float) -> float | None:
    return round(value, 5) if value == value else None  # noqa: PLR0124 - unknown is not itself
