"""Reads a bank of reference values: cases with inputs, what independent sources expect, and how near is near enough.

The bank is not part of this repository. It is looked for in CONFORMANCE_DIR, then in shared/conformance beside the
checkout. A string such as `fixture:spy502.close[:120]` stands for a part of `fixtures/spy502.json`.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]
_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "conformance"
_REFERENCE = re.compile(
    r"(?P<abs>abs of )?fixture:(?P<name>\w+)(?P<keys>(?:\.\w+)*)(?:\[(?P<first>\d*):(?P<last>\d*)\])?"
)
_WORDS = {"inf": math.inf, "-inf": -math.inf}


def folder() -> Path | None:
    """Return the folder of the bank, None where there is none."""
    found = Path(os.environ.get("CONFORMANCE_DIR", _BESIDE))
    return found if found.is_dir() else None


def load(bank: Path) -> list[Case]:
    """Return every case of a bank with its fixtures filled in."""
    cases: list[Case] = []
    for path in sorted(bank.glob("*.json")):
        cases += json.loads(path.read_text(encoding="utf-8"))["cases"]
    fixtures: dict[str, Any] = {}
    return [{**case, **{key: resolve(case[key], bank, fixtures) for key in ("inputs", "expected")}} for case in cases]


def resolve(value: Any, bank: Path, fixtures: dict[str, Any]) -> Any:
    """Replace references to fixtures by what they stand for; `fixtures` keeps the files that have been read."""
    if isinstance(value, dict):
        return {key: resolve(item, bank, fixtures) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, bank, fixtures) for item in value]
    if not isinstance(value, str) or "fixture:" not in value:
        return value
    found = _REFERENCE.fullmatch(value)
    if found is None:
        raise ValueError(f"cannot read the reference {value!r}")
    name = found["name"]
    if name not in fixtures:
        fixtures[name] = json.loads((bank / "fixtures" / f"{name}.json").read_text(encoding="utf-8"))
    made = fixtures[name]
    for key in found["keys"].split(".")[1:]:
        made = made[key]
    if found["first"] is not None:
        made = made[int(found["first"] or 0) : int(found["last"] or len(made))]
    return np.abs(made).tolist() if found["abs"] else made


def differences(expected: dict[str, Any], got: dict[str, Any], tolerance: dict[str, float]) -> list[str]:
    """Say where an answer is not what is expected: |got - expected| <= abs + rel |expected|, None for unknown.

    The keys of a case may be alternative conventions, so those that both sides have are compared, and there has to be
    one. Below them everything counts.
    """
    both = [key for key in expected if key in got]
    if not both:
        return [f"none of the keys {sorted(expected)} is answered"]
    return [text for key in both for text in _differ(expected[key], got[key], tolerance, f"/{key}")]


def _differ(expected: Any, got: Any, tolerance: dict[str, float], where: str) -> list[str]:
    if isinstance(expected, dict):
        return _keys(expected, got, tolerance, where)
    if isinstance(expected, list):
        return _items(expected, got, tolerance, where)
    return [] if _near(expected, got, tolerance) else [f"{where}: {got!r} instead of {expected!r}"]


def _keys(expected: dict[str, Any], got: Any, tolerance: dict[str, float], where: str) -> list[str]:
    if not isinstance(got, dict) or set(got) != set(expected):
        return [f"{where}: {got!r} instead of keys {sorted(expected)}"]
    return [text for key in expected for text in _differ(expected[key], got[key], tolerance, f"{where}/{key}")]


def _items(expected: list[Any], got: Any, tolerance: dict[str, float], where: str) -> list[str]:
    values = got.tolist() if isinstance(got, np.ndarray) else got
    if not isinstance(values, list | tuple) or len(values) != len(expected):
        return [f"{where}: {values!r} instead of {len(expected)} values"]
    pairs = enumerate(zip(expected, values, strict=True))
    return [text for at, (want, have) in pairs for text in _differ(want, have, tolerance, f"{where}/{at}")]


def _near(expected: Any, got: Any, tolerance: dict[str, float]) -> bool:
    want, have = _plain(expected), _plain(got)
    if not isinstance(want, float) or not isinstance(have, float):
        return type(have) is type(want) and bool(have == want)
    if math.isinf(want):
        return have == want
    return abs(have - want) <= tolerance["abs"] + tolerance["rel"] * abs(want)


def _plain(value: Any) -> Any:
    """Return numbers as float, unknown ones as None, and leave booleans and words what they are."""
    made = value.item() if isinstance(value, np.generic) else value
    made = _WORDS.get(made, made) if isinstance(made, str) else made
    if isinstance(made, bool) or not isinstance(made, int | float):
        return made
    return None if math.isnan(made) else float(made)
