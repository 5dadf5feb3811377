"""Ruff over one piece of code in a child process, with rules of our own and nothing from the surroundings (PR008)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

RULES = "E4,E7,E9,F,B"
"""Ruff's default rules (imports, statements, syntax, Pyflakes) and flake8-bugbear."""
SECONDS = 30.0


@dataclass(frozen=True)
class Linted:
    """What ruff found, or in `unchecked` why it was not asked."""

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
    command = [str(program), "check", *fixed, "--output-format", "json", "--stdin-filename", "strategy.py", "-"]
    told = {name: value for name, value in os.environ.items() if not name.startswith("RUFF_")}
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command, input=code.encode(), capture_output=True, cwd=folder, env=told, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return Linted(unchecked=f"ruff could not run ({type(problem).__name__})")
    if done.returncode not in (0, 1):
        return Linted(unchecked=f"ruff ended with {done.returncode}: {done.stderr.decode(errors='replace')[:200]}")
    return Linted(tuple(_line(each) for each in json.loads(done.stdout)))


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
