"""The reader of reference values is itself tested: it has to refuse what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conformance import bank

NEAR = {"rel": 1e-6, "abs": 0.0}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "walk.json").write_text(json.dumps({"x": [1.0, -2.0, 3.0], "deep": {"y": [4.0]}}))
    references = {
        "whole": "fixture:walk",
        "part": "fixture:walk.x",
        "first": "fixture:walk.x[:2]",
        "later": ["fixture:walk.x[1:]"],
        "size": "abs of fixture:walk.x",
        "deep": "fixture:walk.deep.y",
        "plain": "text",
    }
    case = {"id": "a", "statistic": "s", "inputs": references, "expected": {"value": 1}, "tolerance": NEAR}
    (tmp_path / "01_area.json").write_text(json.dumps({"cases": [case]}))
    return tmp_path


def test_references_become_the_values_of_their_fixtures(made: Path) -> None:
    (case,) = bank.load(made)
    assert case["inputs"] == {
        "whole": {"x": [1.0, -2.0, 3.0], "deep": {"y": [4.0]}},
        "part": [1.0, -2.0, 3.0],
        "first": [1.0, -2.0],
        "later": [[-2.0, 3.0]],
        "size": [1.0, 2.0, 3.0],
        "deep": [4.0],
        "plain": "text",
    }


def test_a_reference_that_cannot_be_read_is_an_error(made: Path) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        bank.resolve("fixture:walk.x[0]", made, {})


def test_the_folder_can_be_named_and_may_be_absent(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_DIR", str(made))
    assert bank.folder() == made
    monkeypatch.setenv("CONFORMANCE_DIR", str(made / "absent"))
    assert bank.folder() is None


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, 1.0 + 5e-7),
        (None, None),
        (None, np.nan),
        ("inf", np.inf),
        ("-inf", -np.inf),
        ("long", "long"),
        (True, np.bool_(True)),
        (3, np.int64(3)),
        ([1.0, None], (1.0, None)),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ({"values": [0.5]}, {"values": [0.5]}),
    ],
)
def test_near_enough_is_no_difference(expected: Any, got: Any) -> None:
    assert bank.differences({"value": expected}, {"value": got}, NEAR) == []


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, 1.0 + 2e-6),
        (1.0, np.nan),
        (None, 0.0),
        (1.0, None),
        ("inf", 1e300),
        (1.0, np.inf),
        (1, True),
        (True, 1),
        ([1.0], [1.0, 2.0]),
        ([1.0], 1.0),
        ({"values": [0.5], "width": 1}, {"values": [0.5]}),
        ({"values": [0.5]}, {"values": [0.5], "width": 1}),
        ({"at": {"14": 1.0}}, {"at": {"14": 2.0}}),
    ],
)
def test_what_is_not_near_is_named_with_its_place(expected: Any, got: Any) -> None:
    (text,) = bank.differences({"value": expected}, {"value": got}, NEAR)
    assert text.startswith("/value")


def test_only_the_answered_conventions_of_a_case_are_compared_but_one_has_to_be() -> None:
    assert bank.differences({"closed": 1, "half_open": 2}, {"half_open": 2, "more": 3}, NEAR) == []
    assert bank.differences({"closed": 1}, {"more": 3}, NEAR) == ["none of the keys ['closed'] is answered"]
