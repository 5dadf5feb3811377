from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def _module(name: str) -> Any:
    """Import a file beside this one, whichever way pytest was started."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bank = _module("bank")
FOLDER = bank.folder()
if FOLDER is None:
    pytest.skip("no reference values: set CONFORMANCE_DIR to a folder that holds them", allow_module_level=True)

CASES: list[dict[str, Any]] = bank.load(FOLDER)
TABLES: dict[str, dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    path.stem.removesuffix("_table"): _module(path.stem).STATISTICS for path in sorted(HERE.glob("*_table.py"))
}
QUESTIONS = [
    pytest.param(table, case, id=f"{table}-{case['id']}")
    for case in CASES
    for table in [name for name, functions in TABLES.items() if case["statistic"] in functions] or ["none"]
]


@pytest.mark.parametrize(("table", "case"), QUESTIONS)
def test_the_answer_is_that_of_independent_sources(table: str, case: dict[str, Any]) -> None:
    if table == "none":
        pytest.skip("no function of this product computes the statistic")
    answer = TABLES[table][case["statistic"]](case)
    if not answer:
        pytest.skip("the case tests a convention that this product does not use")
    wrong = bank.differences(case["expected"], answer, case["tolerance"])
    assert not wrong, f"{case['definition']}: {'; '.join(wrong[:5])}"


@pytest.mark.parametrize("table", TABLES)
def test_every_function_of_a_table_answers_a_case_and_every_key_is_compared(table: str) -> None:
    for name, function in TABLES[table].items():
        asked = [case for case in CASES if case["statistic"] == name]
        answered = {key for case in asked for key in function(case)}
        assert answered, f"{name} answers no case of the bank"
        assert answered <= {key for case in asked for key in case["expected"]}, f"{name} answers keys that nobody asks"
