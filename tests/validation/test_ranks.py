"""Ranks of parts of a column that was sorted once are those of ranking each part anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from crypto_team.validation.ranks import Ranked, rank_correlation
from crypto_team.validation.scores import rank_ic


@pytest.mark.parametrize("digits", [1, 8])
def test_parts_are_ranked_like_columns_of_their_own(digits: int) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=500).round(digits)
    values[rng.random(500) < 0.1] = np.nan
    column = Ranked(values)
    for share in (0.0, 0.3, 1.0):
        rows = column.known & (rng.random(500) < share)
        assert column.of(rows).tolist() == stats.rankdata(values[rows]).tolist()


def test_correlations_are_those_of_the_plain_function() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 400)).round(1)
    a[:7], b[390:] = np.nan, np.inf
    assert rank_correlation(Ranked(a), Ranked(b)) == rank_ic(a, b)
    assert math.isnan(rank_correlation(Ranked(np.ones(9)), Ranked(b[:9])))
    assert math.isnan(rank_correlation(Ranked(np.full(9, np.nan)), Ranked(b[:9])))
