"""How numbers are written for people: one place decides digits, signs and what a missing number looks like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crypto_team.schemas.gate import Bound, CheckResult

MISSING = "n/a"
SIGNS: Final[dict[Bound, str]] = {"at_least": "≥", "at_most": "≤", "above": ">"}


def _special(value: float | None) -> str | None:
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return None


def _minus(text: str) -> str:
    """Replace the hyphen by a true minus sign, and drop the sign of a number that rounds to zero."""
    digits = text.lstrip("+-")
    if not any(character in "123456789" for character in digits):
        return digits
    return text.replace("-", "−")


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with fixed decimals: ``1,234.50``."""
    return _special(value) or _minus(f"{value:,.{digits}f}")


def signed(value: float | None, digits: int = 2) -> str:
    """Write a number with its sign: ``+0.31``."""
    return _special(value) or _minus(f"{value:+,.{digits}f}")


def percent(value: float | None, digits: int = 1) -> str:
    """Write a fraction as a percentage: ``12.3 %``."""
    return _special(value) or _minus(f"{_hundred(value):,.{digits}f}") + " %"


def signed_percent(value: float | None, digits: int = 1) -> str:
    """Write a fraction as a percentage with its sign: ``+12.3 %``."""
    return _special(value) or _minus(f"{_hundred(value):+,.{digits}f}") + " %"


def _hundred(value: float | None) -> float:
    return 100.0 * (value or 0.0)


def count(value: float | None) -> str:
    """Write a whole number with thousands separated: ``12,345``."""
    return number(value, 0)


def limit(check: CheckResult) -> str:
    """Write what the value of a check has to keep: ``≥ 0.95``; nothing where it is compared with nothing."""
    if check.threshold is None:
        return ""
    return f"{SIGNS[check.bound]} {compact(check.threshold)}" if check.bound else compact(check.threshold)


def compact(value: float | str | None, unit: str = "") -> str:
    """Write any number with four significant digits and its unit; text is returned as it is."""
    if isinstance(value, str):
        return value
    text = _special(value) or _significant(float(value or 0.0))
    return f"{text} {_of(unit, text)}" if unit and text != MISSING else text


def _of(unit: str, number: str) -> str:
    """Return a unit in the singular where the number is one."""
    return unit[:-1] if number == "1" and unit.endswith("s") and " of " not in unit else unit


def _significant(value: float) -> str:
    size = abs(value)
    if size >= 1000.0 or value == int(value):
        return _minus(f"{value:,.0f}")
    if size < 0.0001:
        return _minus(f"{value:.2e}")
    return _minus(f"{value:.{max(0, 3 - math.floor(math.log10(size)))}f}".rstrip("0").rstrip("."))


def day(time: str) -> str:
    """Return the date of a UTC time such as ``2021-03-04T05:00:00Z``."""
    return time[:10]


FILTERS = {
    "number": number,
    "signed": signed,
    "percent": percent,
    "signed_percent": signed_percent,
    "count": count,
    "compact": compact,
    "limit": limit,
    "day": day,
}
