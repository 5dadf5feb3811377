"""Rule-based strategies evaluated on candles: formulas above zero enter and leave."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from crypto_team.errors import NotFoundError
from crypto_team.roles import candles, records
from crypto_team.roles.booking import booked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from crypto_team.schemas import StrategySpec
    from crypto_team.tools.session import Session

_RULES = ("entry", "exit")


def canonical(formula: str | None) -> str | None:
    """Return the formula in canonical form; a malformed one is a usage error with its column."""
    from crypto_team.features.formula import canonical_text, parse

    return None if formula is None else canonical_text(parse(formula))


def evaluate(session: Session, spec: StrategySpec) -> list[dict[str, Any]]:
    """Simulate the rules on every pair after costs, book the attempt, and put buy-and-hold beside it."""
    if spec.entry is None or spec.exit is None:
        raise NotFoundError(
            f"{spec.strategy_id} has no entry and exit rule yet",
            hint=f'crypto-team strategy-researcher add-rule {spec.strategy_id} --entry "..." --exit "..."',
        )
    fingerprint = "sha256:" + hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    with booked(session, spec.strategy_id, kind="evaluate", fingerprint=fingerprint) as booking:
        import pandas as pd

        tables = _tables(session, spec)

        joined = pd.concat(tables, ignore_index=True)
        booking.measure(joined.drop(columns="next_return"))
        records.save(
            session,
            "strategy_researcher",
            "test_rule",
            spec.strategy_id,
            [booking.finished()],
            f"{spec.strategy_id}: rules evaluated",
        )
    return [_row(table) for table in tables]


def _tables(session: Session, spec: StrategySpec) -> list[pd.DataFrame]:
    """Simulate every pair, with the other pairs and series that the rules read around it."""
    from crypto_team.features.matrix import build_matrix
    from crypto_team.roles.feature_entries import from_formula
    from crypto_team.roles.surroundings import resolved

    texts = resolved(session, spec.market, [str(spec.entry), str(spec.exit)])
    timeframe = spec.market.timeframe
    rules = [
        from_formula(text, "auto", "", name, timeframe=timeframe) for text, name in zip(texts, _RULES, strict=True)
    ]
    found = candles.research(session, spec.market, rules)
    around = found.around.surroundings
    return [
        _predictions(
            pair, bars, spec, build_matrix(rules, bars, surroundings=around.seen_from(pair) if around else None).values
        )
        for pair, bars in found.bars.items()
    ]


def _predictions(pair: str, bars: pd.DataFrame, spec: StrategySpec, values: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Simulate one pair: enter where the entry formula is above zero, leave where the exit formula is."""
    import numpy as np
    import pandas as pd

    from crypto_team.trading.costs import net_returns

    position = _hold(values[:, 0], values[:, 1])
    close = bars["close"].to_numpy(np.float64)
    move = np.append(close[1:] / close[:-1] - 1, 0.0)
    gross, net = net_returns(position, move, spec.costs.fee_bps + spec.costs.slippage_bps)
    return pd.DataFrame(
        {
            "time": bars["timestamp"],
            "pair": pair,
            "fold": np.int16(0),
            "part": "test",
            "label": np.nan,
            "label_end": bars["timestamp"],
            "forward_return": move,
            "expected_bps": values[:, 0].astype(np.float64),
            "signal": values[:, 0].astype(np.float64),
            "position": position,
            "next_return": move,
            "return_gross": gross,
            "return_net": net,
        }
    )


def _hold(entry: npt.NDArray[np.float32], leave: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return 1 from an entry until the next exit; exits win, and unknown values (NaN) leave."""
    import numpy as np
    import pandas as pd

    state = np.where(np.nan_to_num(entry, nan=0.0) > 0, 1.0, np.nan)
    state[(np.nan_to_num(leave, nan=1.0) > 0) | np.isnan(entry)] = 0.0
    return np.asarray(pd.Series(state).ffill().fillna(0.0), dtype=np.float64)


def _row(table: pd.DataFrame) -> dict[str, Any]:
    from crypto_team.validation.metrics import daily_returns, max_drawdown, sharpe, total_return

    _, daily = daily_returns(table)
    _, hold = daily_returns(table.assign(return_net=table["next_return"]))
    return {
        "pair": str(table["pair"].iloc[0]),
        "bars": len(table),
        "trades": int((table["position"].diff() > 0).sum()),
        "sharpe": sharpe(daily, periods_per_year=365),
        "total_return": total_return(daily),
        "max_drawdown": max_drawdown(daily),
        "buy_and_hold_sharpe": sharpe(hold, periods_per_year=365),
    }


def similarity(left: StrategySpec, right: StrategySpec) -> float:
    """Return the share of words and operators that two strategies have in common (Jaccard index, 0 to 1)."""
    import re

    words = [
        set(re.findall(r"[a-z_]{3,}|\d+", f"{item.entry} {item.exit} {item.hypothesis}".lower()))
        for item in (left, right)
    ]
    union = words[0] | words[1]
    return round(len(words[0] & words[1]) / len(union), 4) if union else 0.0
