"""The size and naming rules that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "crypto_team").rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40
GENERATED = {"crypto_team/cli/index.py"}
VAGUE = {"utils", "util", "helpers", "helper", "core", "common", "manager", "misc", "base_utils"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _code_lines(node: ast.AST, source: list[str]) -> int:
    """Count the lines of a function without its docstring, blank lines and comments."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    assert node.end_lineno is not None
    skipped: set[int] = set()
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        assert first.end_lineno is not None
        skipped = set(range(first.lineno, first.end_lineno + 1))
    lines = [source[number - 1].strip() for number in range(node.lineno, node.end_lineno + 1) if number not in skipped]
    return sum(1 for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_outgrows_a_screenful_of_screens(path: Path) -> None:
    if _name(path) in GENERATED:
        return
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE, "split it by noun"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_function_outgrows_one_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    source = text.splitlines()
    long = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _code_lines(node, source) > LONGEST_FUNCTION
    ]
    assert not long


def test_every_name_of_a_file_says_what_is_inside() -> None:
    parts = [(path, part) for path in MODULES for part in [*path.relative_to(ROOT).parts[:-1], path.stem]]
    vague = [_name(path) for path, part in parts if part in VAGUE]
    assert not vague


def test_every_package_says_what_it_is() -> None:
    packages = [path for path in MODULES if path.name == "__init__.py"]
    silent = [_name(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def test_the_guide_for_agents_fits_on_a_page() -> None:
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_no_tracked_text_names_a_place_on_one_machine() -> None:
    import subprocess

    names = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout
    tracked = [ROOT / name for name in names.decode().split("\0") if name]
    needles = ["/" + "work/main", "/" + "home/", "/" + "root/"]
    guilty = []
    for path in tracked:
        if not path.is_file() or path.suffix in {".parquet", ".png", ".feather", ".gz", ".npy"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        guilty += [f"{_name(path)}: {needle}" for needle in needles if needle in text]
    assert not guilty
