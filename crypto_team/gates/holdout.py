"""The check of sealed bars: what the candidate says about a stretch of the market that no tool had served."""

from __future__ import annotations

import math

from scipy.special import ndtri

from crypto_team.gates.registry import Limit, Verdict, check, insufficient, refused, weigh
from crypto_team.schemas.holdout import HoldoutLook


@check(
    "HO001",
    "Sealed holdout confirms the skill",
    unit="rank correlation",
    source="the registry's budget; Blum and Hardt (2015), Dwork et al. (2015)",
    remedy=("crypto-team holdout status", "crypto-team data import FILE"),
    stricter={"confidence": "higher", "share": "higher"},
    limit=Limit("above", 0.0),
    passes="value - normal(confidence) * error > 0 and value + normal(confidence) * error >= share * out_of_sample",
)
def sealed_holdout(holdout: HoldoutLook, *, confidence: float = 0.9, share: float = 0.5) -> Verdict:
    """On sealed bars the rank correlation is above zero with confidence, and not far below the out-of-sample one."""
    value, error = holdout.rank_ic, holdout.rank_ic_error
    where = (f"sealed bars {holdout.first} to {holdout.last}", f"look {holdout.look_id}")
    if value is None or not error or holdout.oos_rank_ic is None:
        return insufficient(f"{holdout.bars} sealed rows can be judged, too few or without spread", evidence=where)
    reach = float(ndtri(confidence)) * error
    interval = (value - reach, value + reach)
    numbers = {"error": error, "out_of_sample": holdout.oos_rank_ic}
    text = (
        f"rank correlation {value:.4f} [{interval[0]:.4f}, {interval[1]:.4f}] over {holdout.bars} sealed rows, "
        f"{holdout.oos_rank_ic:.4f} out of sample; {_kind_of_answer(holdout)}"
    )
    if value <= 0.0 or interval[1] < share * holdout.oos_rank_ic:
        return refused(f"the skill did not hold: {text}", value, interval=interval, evidence=where, numbers=numbers)
    if interval[0] <= 0.0:
        more = math.ceil(holdout.bars * ((reach / value) ** 2 - 1.0))
        return insufficient(
            f"{text}; about {more:,} more sealed rows are needed to tell this from zero",
            value,
            interval=interval,
            evidence=where,
            numbers=numbers,
        )
    return weigh(text, value, numbers, interval=interval, evidence=where)


def _kind_of_answer(look: HoldoutLook) -> str:
    number = f"look {look.looks_before + 1} of {look.budget}"
    if look.answer == "exact":
        earned = f"; Sharpe ratio there {look.sharpe:.2f} after costs" if look.sharpe is not None else ""
        return f"{number}, answered exactly{earned}"
    if look.answer == "ladder":
        return f"{number}, this strategy was judged before: the answer moves only for what is clearly better"
    return f"{number}: the budget is spent, the answer carries noise"
