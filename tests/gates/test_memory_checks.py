"""Learnings are answered, strategies are new, and their code is closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crypto_team.gates import linting
from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case, Memory
from crypto_team.gates.registry import run_check
from crypto_team.schemas.ml_spec import Considered, Market, MlSpec

KEY = "2026-01-31-critic-0a1b2c3d"
SOUND = "from freqtrade.strategy import IStrategy\n\n\nclass S(IStrategy):\n    pass\n"
WRONG = "class S:\n\n    def f(self, x: int) -> str:\n        return x.upper()\n"


def case(memory: Memory, *considered: str) -> Case:
    answers = [Considered(reference=name, answer="costs are doubled here") for name in considered]
    market = Market(exchange="binance", pairs=["BTC/USDT"], timeframe="1h")
    spec = MlSpec(strategy_id="STR-001", strategy_name="a", market=market, considered=answers)
    return Case(strategy_id="STR-001", spec=spec, memory=memory)


def test_a_critical_learning_without_an_answer_refuses_and_is_named() -> None:
    memory = Memory(critical=((KEY, "mind the costs"),))
    result = run_check("PR005", case(memory))
    assert result.outcome == "refused"
    assert KEY in result.explanation
    assert run_check("PR005", case(memory, KEY)).outcome == "passed"


def test_a_repetition_of_a_rejected_strategy_is_refused_unless_answered() -> None:
    memory = Memory(rejected=(("STR-007", 0.98), ("STR-008", 0.4)))
    assert run_check("PR011", case(memory)).outcome == "refused"
    assert run_check("PR011", case(memory, "STR-007")).outcome == "passed"
    assert run_check("PR011", case(Memory(rejected=(("STR-008", 0.4),)))).outcome == "passed"


def test_nothing_learned_is_not_enough_evidence() -> None:
    assert run_check("PR007", case(Memory())).outcome == "not_enough_evidence"
    assert run_check("PR007", case(Memory(learned=1))).outcome == "passed"


def test_closed_code_passes() -> None:
    assert run_check("PR008", replace(case(Memory()), strategy_code=SOUND)).outcome == "passed"


def test_without_ruff_the_verdict_says_that_it_was_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "_ruff", lambda: None)
    result = run_check("PR008", replace(case(Memory()), strategy_code=SOUND))
    assert (result.outcome, "not checked by ruff: ruff is not installed" in result.explanation) == ("passed", True)


def test_a_ruff_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(linting, "_ruff", lambda: tmp_path / "none")
    assert "could not run" in linting.lint(SOUND).unchecked


def test_without_mypy_the_verdict_says_that_it_was_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told = linting.Linted(unchecked="mypy is not installed")
    monkeypatch.setattr("crypto_team.gates.memory.typed", lambda _code: told)
    result = run_check("PR008", replace(case(Memory()), strategy_code=SOUND))
    assert (result.outcome, "not checked by mypy: mypy is not installed" in result.explanation) == ("passed", True)


def test_settings_of_others_do_not_change_what_mypy_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_errors = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYPY_CONFIG_FILE_DIR", str(tmp_path))
    linting.typed.cache_clear()
    assert linting.typed(WRONG).problems == ('line 4: "int" has no attribute "upper"  [attr-defined]',)


def test_what_has_no_types_and_what_is_imported_is_no_matter_for_mypy() -> None:
    assert linting.typed("import nothing_there as n\n\n\ndef f(x):\n    return n.y(x) + ''.z\n") == linting.Linted()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (SOUND + "import requests\n", "imports requests"),
        (SOUND + "from os import system\n", "imports os"),
        (SOUND + "eval('1')\n", "uses eval"),
        (SOUND + "open('x')\n", "uses open"),
        (SOUND + "x = S.__subclasses__\n", "__subclasses__"),
        (SOUND + "y = undefined_name\n", "F821 Undefined name `undefined_name`"),
        (SOUND + "y = undefined_name  # noqa: F821\n", "F821"),
        (SOUND + "def f(x=[]):\n    return x\n", "B006"),
        (WRONG, 'line 4: "int" has no attribute "upper"'),
        ("# mypy: ignore-errors\n" + WRONG.replace("upper()", "upper()  # type: ignore"), "has no attribute"),
        ("x = 1\n", "no strategy class"),
        ("def f(:\n", "no valid Python"),
    ],
)
def test_open_code_is_refused(code: str, says: str) -> None:
    result = run_check("PR008", replace(case(Memory()), strategy_code=code))
    assert result.outcome == "refused"
    assert says in result.explanation
