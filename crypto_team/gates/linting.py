"""Ruff and mypy over one piece of code, in children with rules of our own and nothing from the surroundings (PR008)."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

RULES = "E4,E7,E9,F,B"
"""Ruff's default rules (imports, statements, syntax, Pyflakes) and flake8-bugbear."""
LIBRARIES_UNREAD = ("--follow-imports", "skip", "--ignore-missing-imports", "--no-site-packages")
"""To mypy all that is imported has any type: what it says depends on the code alone, and takes half a second."""
SECONDS = 30.0
FILE = "strategy.py"


@dataclass(frozen=True)
class Linted:
    """What a checker found, or in `unchecked` why it was not asked."""

    problems: tuple[str, ...] = ()
    unchecked: str = ""


def lint(code: str) -> Linted:
    """Let ruff look at Python source; settings, environment variables and `noqa` of others do not count.

    Ruff is no dependency at run time: where this Python has none, that is told and nothing is found.
    """
    program = _ruff()
    if program is None:
        return Linted(unchecked="ruff is not installed")
    fixed = ("--isolated", "--no-cache", "--ignore-noqa", "--quiet", "--target-version", "py311", "--select", RULES)
    told = _asked("ruff", [str(program), "check", *fixed, "--output-format", "json", FILE], code)
    return told if isinstance(told, Linted) else Linted(tuple(_line(each) for each in json.loads(told)))


@lru_cache(maxsize=16)
def typed(code: str) -> Linted:
    """Let mypy look at the annotated functions of Python source that compiles; libraries have any type.

    Comments are taken out before: `type: ignore` and `mypy: ignore-errors` are the word of whoever is judged. Mypy is
    no dependency at run time: where this Python has none, that is told and nothing is found.
    """
    if importlib.util.find_spec("mypy") is None:
        return Linted(unchecked="mypy is not installed")
    fixed = ("--config-file", "", "--cache-dir", os.devnull, "--python-version", "3.11", "--no-error-summary")
    shown = ("--no-pretty", "--no-color-output", "--hide-error-context", "--show-error-codes")
    command = [sys.executable, "-P", "-m", "mypy", *fixed, *shown, *LIBRARIES_UNREAD, FILE]
    told = _asked("mypy", command, _without_comments(code))
    if isinstance(told, Linted):
        return told
    found = (line.removeprefix(f"{FILE}:") for line in told.splitlines() if ": error: " in line)
    return Linted(tuple(f"line {line.replace(': error: ', ': ', 1)}" for line in found))


def _asked(name: str, command: Sequence[str], code: str) -> str | Linted:
    """Return what a checker says about the code in a folder of its own, or why there is no answer."""
    told = {key: value for key, value in os.environ.items() if not key.startswith(("RUFF_", "MYPY"))}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(code.encode())
        try:
            done = subprocess.run(command, capture_output=True, cwd=folder, env=told, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            return Linted(unchecked=f"{name} could not run ({type(problem).__name__})")
    if done.returncode not in (0, 1):
        return Linted(unchecked=f"{name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[:200]}")
    return done.stdout.decode(errors="replace")


def _without_comments(code: str) -> str:
    """Return the same code, line for line, without its comments."""
    lines = list(io.StringIO(code))
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column] + "\n"
    return "".join(lines)


def _line(found: dict[str, object]) -> str:
    place = found.get("location")
    row = place.get("row") if isinstance(place, dict) else "?"
    return f"line {row}: {found.get('code') or 'syntax'} {found.get('message')}"


def _ruff() -> Path | None:
    """Return the program of this Python's own ruff; one that happens to lie on the search path is of any version."""
    if importlib.util.find_spec("ruff") is None:
        return None
    path = Path(sys.executable).with_name("ruff.exe" if os.name == "nt" else "ruff")
    return path if path.is_file() else None
