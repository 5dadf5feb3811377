from __future__ import annotations

import math

import pytest

from crypto_team.reports import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.0, "12"), (0.41234, "0.4123"), (-2.5, "−2.5"), (1234567.8, "1,234,568"), (3e-7, "3.00e-07")],
)
def test_compact_numbers_keep_four_significant_digits(value: float, text: str) -> None:
    assert formats.compact(value).replace("−07", "-07") == text


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_missing_number_is_written_as_not_available_without_a_unit(value: float | None) -> None:
    assert formats.compact(value, "bars") == "n/a"
    assert formats.percent(value) == "n/a"
    assert formats.signed(value) == "n/a"


def test_infinite_numbers_have_a_sign() -> None:
    assert formats.number(math.inf) == "∞"
    assert formats.number(-math.inf) == "−∞"


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert formats.signed(-0.0001) == "0.00"
    assert formats.signed_percent(0.00001) == "0.0 %"


def test_percentages_are_fractions_times_one_hundred() -> None:
    assert formats.percent(0.1234) == "12.3 %"
    assert formats.signed_percent(-0.1234, 2) == "−12.34 %"
