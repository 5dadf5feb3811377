"""What `gates` answers to the cases of the conformance bank: case in, the expected keys that we document out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from crypto_team.gates.statistics import (
    degradation,
    importance_shares,
    jaccard,
    kendall_w,
    pairwise_spearman,
    top_share,
)

Case = dict[str, Any]
Answer = dict[str, Any]


def feature_importance_gates(case: Case) -> Answer:
    inputs = case["inputs"]
    return {name: _importance_case(np.array(values, dtype=np.float64)) for name, values in inputs.items()}


def _importance_case(values: np.ndarray) -> Answer:
    largest = float(importance_shares(values).max())
    return {
        "sum": float(values.sum()),
        "top10_share": top_share(values),
        "max_share": largest,
        "top10_gt_50": top_share(values) > 0.5,
        "no_single_gt_30": largest <= 0.3,
        "count_le_50": values.size <= 50,
    }


def is_oos_gap_gate(case: Case) -> Answer:
    inputs = case["inputs"]
    rows = inputs["rows_is_oos"]
    lost = [degradation(inside, outside) for inside, outside in rows]
    return {
        "degradation": [None if np.isnan(each) else each for each in lost],
        "pass": [None if rows[at][0] <= 0 else each <= 0.2 + 1e-12 for at, each in enumerate(lost)],
    }


def importance_stability(case: Case) -> Answer:
    inputs = case["inputs"]
    pairs = [jaccard(a, b) for a, b in combinations(inputs["top10_by_fold"], 2)]
    rows = np.array(inputs["importance_by_fold"], dtype=np.float64)
    return {
        "jaccard_pairs": pairs,
        "jaccard_mean": float(np.mean(pairs)),
        "spearman_pairs": pairwise_spearman(rows),
        "kendall_w": kendall_w(rows),
    }


def claim_audit(case: Case) -> Answer:
    inputs = case["inputs"]
    train, val, wins = inputs["train"], inputs["val"], inputs["win_rate"]
    return {
        "train_share_in_overall": (inputs["overall"] - val) / (train - val),
        "train_minus_val": train - val,
        "is_oos_degradation": degradation(train, val),
        "implied_payoff": inputs["profit_factor"] * (1 - wins) / wins,
        "net_per_trade": inputs["net"] / inputs["trades"],
    }


STATISTICS: dict[str, Callable[[Case], Answer]] = {
    "feature_importance_gates": feature_importance_gates,
    "is_oos_gap_gate": is_oos_gap_gate,
    "importance_stability": importance_stability,
    "claim_audit": claim_audit,
}
