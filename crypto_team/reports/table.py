"""The verdict table of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from crypto_team.reports.formats import compact, limit
from crypto_team.reports.html import StrategyPage
from crypto_team.schemas.gate import CheckResult

STYLES: Final = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}


def verdict_rows(strategies: Sequence[StrategyPage]) -> list[tuple[str, str, str, str]]:
    """Return strategy, what it is, verdict and deciding check of every page as plain text."""
    return [
        (f"{page.strategy_id} {page.name}", page.intent, page.verdict, deciding_text(page.deciding))
        for page in strategies
    ]


def deciding_text(check: CheckResult | None) -> str:
    """Write a check as ``OF010 title: 0.41 probability, required ≥ 0.95``."""
    if check is None:
        return "–"
    value = f": {compact(check.value, check.unit)}" if check.value is not None else ""
    threshold = f", required {limit(check)}" if check.threshold is not None else ""
    return f"{check.code} {check.title}{value}{threshold}"


def verdict_table(strategies: Sequence[StrategyPage]) -> Table:
    """Return the verdicts as a table for the terminal; text from outside is never read as markup."""
    table = Table(title="Verdicts", title_justify="left", show_lines=True)
    for column in ("Strategy", "What it is", "Verdict", "Deciding check"):
        table.add_column(column, overflow="fold")
    for page, row in zip(strategies, verdict_rows(strategies), strict=True):
        cells = [Text(text) for text in row]
        cells[2].stylize(STYLES[page.tone])
        table.add_row(*cells)
    return table
