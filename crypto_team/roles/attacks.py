"""How the critic attacks a result: the same predictions under worse conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.roles import publishing
from crypto_team.schemas.reviews import Objection

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.gates.case import ReplayResult
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence

BEST_DAYS_SHARE = 0.01


def perturbations(session: Session, strategy_id: str) -> dict[str, float]:
    """Return the annual Sharpe ratio as reported and under each attack.

    `delay_one_bar` trades every position one bar late; `costs_x2` doubles the costs on every side;
    `without_best_days` removes the best 1 % of days; `without_best_fold` removes the fold that earned most;
    `inverted` turns every position around and should be clearly negative for a real edge.
    """
    evidence = publishing.stored_evidence(session, strategy_id)
    test = _with_moves(evidence)
    cost = evidence.meta.cost_bps_per_side
    by_fold = test.groupby("fold")["return_net"].sum()
    return {
        "as_reported": _sharpe(_repriced(test, cost)),
        "delay_one_bar": _sharpe(_repriced(test, cost, delay=1)),
        "costs_x2": _sharpe(_repriced(test, 2 * cost)),
        "without_best_days": _sharpe(_repriced(test, cost), drop_best=BEST_DAYS_SHARE),
        "without_best_fold": _sharpe(_repriced(test[test["fold"] != by_fold.idxmax()], cost)),
        "inverted": _sharpe(_repriced(test.assign(position=-test["position"]), cost)),
    }


def _with_moves(evidence: Evidence) -> pd.DataFrame:
    """Return the test predictions with each bar's move to the next close, taken from the stored market."""
    market = evidence.tables.market.sort_values(["pair", "time"])
    following = market.groupby("pair")["close"].shift(-1)
    moves = market[["pair", "time"]].assign(next_return=following / market["close"] - 1)
    predictions = evidence.tables.predictions
    merged: pd.DataFrame = predictions[predictions["part"] == "test"].merge(moves, on=["pair", "time"], how="left")
    return merged.assign(next_return=merged["next_return"].fillna(0.0))


def _repriced(test: pd.DataFrame, cost_bps: float, *, delay: int = 0) -> pd.DataFrame:
    """Recompute gross and net returns per pair from positions and the market's own moves."""
    import numpy as np
    import pandas as pd

    from crypto_team.trading.costs import net_returns

    parts = []
    for _, rows in test.sort_values(["pair", "time"]).groupby("pair"):
        position = rows["position"].to_numpy(np.float64)
        if delay:
            position = np.concatenate([np.zeros(delay), position[:-delay]])
        move = rows["next_return"].to_numpy(np.float64)
        gross, net = net_returns(position, move, cost_bps)
        parts.append(rows.assign(position=position, return_gross=gross, return_net=net))
    return pd.concat(parts, ignore_index=True)


def _sharpe(predictions: pd.DataFrame, *, drop_best: float = 0.0) -> float:
    import numpy as np

    from crypto_team.validation.metrics import daily_returns, sharpe

    _, daily = daily_returns(predictions)
    if drop_best:
        keep = len(daily) - max(1, int(len(daily) * drop_best))
        daily = np.sort(daily)[:keep]
    return float(sharpe(daily, periods_per_year=365))


def objections(replayed: ReplayResult, numbers: dict[str, float]) -> list[Objection]:
    """Turn what the attacks found into objections, the blocking ones first."""
    made: list[Objection] = []
    if not replayed.equal:
        made.append(
            Objection(
                severity="blocking",
                claim="the evidence cannot be rebuilt",
                evidence="; ".join(replayed.differences)[:500],
                alternative="train again and let the numbers of the new evidence count",
            )
        )
    reported = numbers["as_reported"]
    for attack, severity, claim in (
        ("without_best_fold", "blocking", "one fold carries the result"),
        ("costs_x2", "major", "twice the costs take the profit away"),
        ("without_best_days", "major", "the best 1 % of days carry the result"),
        ("delay_one_bar", "major", "one bar of delay takes the profit away"),
    ):
        if not numbers[attack] > 0:
            made.append(
                Objection.model_validate(
                    {
                        "severity": severity,
                        "claim": claim,
                        "evidence": f"Sharpe {reported:.2f} as reported, {numbers[attack]:.2f} under {attack}",
                        "alternative": "a longer horizon, a higher entry threshold, or no trading at all",
                    }
                )
            )
    return made
