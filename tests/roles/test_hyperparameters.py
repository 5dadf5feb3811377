from __future__ import annotations

import pytest

from crypto_team.errors import UsageError
from crypto_team.roles.hyperparameters import parse


def test_a_hyperparameter_that_is_a_word_may_look_like_a_number() -> None:
    assert parse("horizons", ["horizons=1"]) == {"horizons": "1"}
    assert parse("stacking", ["lightgbm.num_leaves=7"]) == {"lightgbm.num_leaves": 7}


def test_a_whole_number_may_be_written_with_an_exponent_and_a_fraction_may_not_stand_for_one() -> None:
    assert parse("lightgbm", ["n_estimators=1e3"]) == {"n_estimators": 1000}
    with pytest.raises(UsageError, match="n_estimators is int"):
        parse("lightgbm", ["n_estimators=1.5"])
