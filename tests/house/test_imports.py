"""What is imported when, measured in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pydantic", "numpy", "pandas", "git", "mcp", "yaml", "jsonschema", "rich", "pyarrow", "lightgbm", "freqtrade"}
NUMERIC = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "numba", "lightgbm", "xgboost", "matplotlib", "freqtrade"}
PROBE = """
import json, sys
{body}
json.dump(sorted({{name.split(".")[0] for name in sys.modules}}), sys.stderr)
"""


def imported(body: str) -> set[str]:
    """Return the top-level modules that are loaded after running `body`."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(body=body)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["registry", "--help"], ["ml-engineer", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = imported(f"from crypto_team.cli.main import main; main({arguments!r})")
    assert not loaded & HEAVY


def test_importing_every_tool_imports_no_numbers() -> None:
    assert not imported("import crypto_team.cli.table") & NUMERIC


def test_validation_without_extras_needs_no_numbers() -> None:
    assert not imported("import crypto_team.schemas, crypto_team.kb.workspace") & NUMERIC


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
