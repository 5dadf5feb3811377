"""What the documents tell people to do works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_team.data.synthetic import planted_market
from tests.house.tour import ENVIRONMENT, README, ROOT, Tour, candles, comparable

RECIPES = re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", (ROOT / "docs/adding.md").read_text(), re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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


def test_every_command_of_the_readme_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    written = README.read_text(encoding="utf-8")
    source = candles()
    if source is None:
        market = planted_market(seed=5, bars=14_000, timeframe="1h", oracle_sharpe=4.0)
        market.frame.to_parquet(tmp_path / "BTCUSD-1h.parquet", index=False)
    else:
        shutil.copy(source, tmp_path / "BTCUSD-1h.parquet")
    tour = Tour(tmp_path)
    printed = tour.rendered(written)
    assert tour.commands >= 10
    if source is not None:
        assert comparable(printed) == comparable(written), "refresh with: python -m tests.house.tour"
