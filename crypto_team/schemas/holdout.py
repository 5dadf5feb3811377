"""One look at sealed bars: what was asked of which bars, and what was answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crypto_team.schemas.base import DatasetId, Document, Sha256, StrategyId, TrialId, UtcTime

Answer = Literal["exact", "ladder", "noisy"]


class HoldoutLook(Document):
    """`holdout/STR-NNN/<ulid>.yaml`: one certified candidate judged on bars that nobody had seen.

    What is written here is what was answered. Of a look that was not answered exactly, the exact numbers are kept
    nowhere.
    """

    look_id: TrialId
    strategy_id: StrategyId
    looked: UtcTime
    evidence_hash: Sha256 = Field(description="The candidate; the same one is answered once, from this record.")
    model_hash: Sha256 = Field(description="The fold model that predicted: the last one that was trained.")
    datasets: list[DatasetId]
    data_hashes: list[Sha256]
    first: UtcTime = Field(description="Open of the first sealed bar that was judged.")
    last: UtcTime
    bars: Annotated[int, Field(ge=0)]
    answer: Answer
    rank_ic: float | None = Field(
        description="Spearman correlation of signal and forward return, averaged over pairs; none with too few rows."
    )
    rank_ic_error: float | None = Field(description="Its standard error by the stationary bootstrap, noise included.")
    sharpe: float | None = Field(
        default=None, description="Annualised on 365 days, after costs; of exact answers only."
    )
    oos_rank_ic: float | None = Field(description="The same correlation over the out-of-sample rows of the evidence.")
    looks_before: Annotated[int, Field(ge=0)] = Field(description="Looks of the whole registry before this one.")
    budget: Annotated[int, Field(ge=1)]
