"""What the documents tell people to do works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", (ROOT / "docs/adding.md").read_text(), re.MULTILINE | re.DOTALL)
MAY_REFUSE = {"handoff"}
COMMAND = "from crypto_team.cli.main import run; run()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the lines after the prompt in console blocks."""
    return [line[2:] for block in blocks(text, "console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize(("title", "body"), RECIPES, ids=[title for title, _ in RECIPES])
def test_every_recipe_works_as_it_stands(title: str, body: str) -> None:
    code = blocks(body, "python")
    assert code, f"the recipe {title!r} has no code"
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (path, target)
        for path in documents
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    broken = [f"{path.relative_to(ROOT)}: {target}" for path, target in links if not (path.parent / target).exists()]
    assert not broken


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= targets


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    from crypto_team.data.synthetic import planted_market

    planted_market(seed=5, bars=14_000, timeframe="1h", oracle_sharpe=4.0).frame.to_parquet(
        tmp_path / "BTCUSD-1h.parquet", index=False
    )
    folder = tmp_path
    ran = 0
    for line in commands((ROOT / "README.md").read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            folder = (folder / words[1]).resolve()
        if words[0] != "crypto-team" or words[1] == "demo":
            continue
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=ENVIRONMENT,
        )
        allowed = {0, 3} if words[1] in MAY_REFUSE else {0}
        assert done.returncode in allowed, f"{line}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran >= 10
