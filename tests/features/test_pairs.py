from __future__ import annotations

import numpy as np

from crypto_team.features.pairs import compute_pairs
from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS
from tests.features.conftest import random_market


def test_the_values_of_many_pairs_do_not_depend_on_threads_or_company() -> None:
    plan = compile_formulas([item.formula for item in SETS["standard"]])
    markets = {f"pair {seed}": random_market(700 + 100 * seed, seed) for seed in range(5)}
    given = {name: (market.columns, market.times) for name, market in markets.items()}
    out = {name: np.empty((len(plan.nodes), market.times.size), dtype=np.float32) for name, market in markets.items()}
    alone = {name: plan.compute(market.columns, market.times) for name, market in markets.items()}
    for found in (compute_pairs(plan, given), compute_pairs(plan, given, threads=3, out=out)):
        assert list(found) == list(given)
        for name, values in alone.items():
            assert found[name].tobytes() == values.tobytes()
    assert all(np.array_equal(out[name].T, alone[name], equal_nan=True) for name in alone)
