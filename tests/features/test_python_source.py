"""What is compiled once for all processes is what each of them would have compiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crypto_team.features.python_source import compiled, imported_libraries, keep_compiled


def answer(folder: Path) -> str:
    command = [sys.executable, "-c", "import feature_code as f; print(f.ANSWER, f.asked.__code__.co_filename)"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env={"PYTHONPATH": "."})
    return done.stdout.strip()


@pytest.mark.parametrize("other", [None, b"", b"no code"])
def test_code_runs_as_its_text_says_under_its_own_name(tmp_path: Path, other: bytes | None) -> None:
    source = "ANSWER = 42\n\n\ndef asked():\n    return ANSWER\n"
    path = tmp_path / "feature_code.py"
    path.write_text(source, encoding="utf-8")
    keep_compiled(path, compiled(source) if other is None else other)
    assert answer(tmp_path) == f"42 {path}"


def test_compiled_code_is_what_runs(tmp_path: Path) -> None:
    path = tmp_path / "feature_code.py"
    path.write_text("ANSWER = 1\nasked = lambda: 1\n", encoding="utf-8")
    keep_compiled(path, compiled("ANSWER = 2\nasked = lambda: 2\n"))
    assert answer(tmp_path).startswith("2 ")


def test_a_prefix_for_caches_does_not_move_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "feature_code.py"
    path.write_text("ANSWER = 1\nasked = lambda: 1\n", encoding="utf-8")
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    keep_compiled(path, compiled("ANSWER = 2\nasked = lambda: 2\n"))
    assert answer(tmp_path).startswith("2 ")


def test_what_cannot_be_compiled_is_left_to_the_process() -> None:
    assert compiled("def (:") == b""
    assert imported_libraries("def (:") == []


def test_our_own_modules_and_those_of_python_are_not_loaded_before() -> None:
    assert imported_libraries("import json, numpy\nfrom pandas import x\nimport crypto_team.features") == [
        "numpy",
        "pandas",
    ]
