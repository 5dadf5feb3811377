"""Printing an outcome: data on stdout in the chosen format, everything else on stderr."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crypto_team.cli import markdown
from crypto_team.cli.findings import RENDERERS, clean, place
from crypto_team.cli.plain_table import plain_table
from crypto_team.errors import EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas.outcome import Finding, Outcome

Rows = list[dict[str, Any]]
_JUDGED = frozenset({EXIT_OK, EXIT_FINDINGS, EXIT_REFUSED})


def show(outcome: Outcome, format_: str, *, validator: bool = False) -> None:
    """Print an outcome.

    The findings of a validator are its data; those of any other tool say on stderr why it did not do what it is for.
    """
    if format_ == "json":
        click.echo(json.dumps(outcome.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    findings_are_data = validator and outcome.data is None and outcome.exit_code in _JUDGED
    if findings_are_data:
        _show_findings(outcome, format_)
    else:
        _show_data(outcome.data, format_)
        for finding in outcome.findings:
            click.echo(error_text(finding), err=True)
    explained = not outcome.ok and not findings_are_data and bool(outcome.findings)
    if not explained or all(finding.message not in outcome.summary for finding in outcome.findings):
        click.echo(clean(outcome.summary), err=True)
    if explained:
        return
    for step in outcome.next:
        click.echo(f"  next: {clean(step)}", err=True)


def _show_findings(outcome: Outcome, format_: str) -> None:
    """Print findings as data: one line each as compilers do, in a format of validators, or as rows."""
    render = RENDERERS.get("concise" if format_ == "table" else format_)
    if render is None:
        _show_data([finding.model_dump(mode="json") for finding in outcome.findings], format_)
        return
    text = render(_for_forge(outcome) if format_ in {"github", "sarif"} else outcome.findings)
    if text:
        click.echo(text)


def _for_forge(outcome: Outcome) -> list[Finding]:
    """Name files as GitHub knows them: from the root of the checkout, which a workspace may lie below."""
    checkout = os.environ.get("GITHUB_WORKSPACE")
    if not checkout or not outcome.path:
        return outcome.findings
    prefix = os.path.relpath(Path(outcome.path).resolve(), Path(checkout).resolve())
    if prefix == "." or prefix.startswith(".."):
        return outcome.findings
    moved = [f"{prefix}/{item.file}" if item.file and not item.file.startswith("/") else item.file
             for item in outcome.findings]  # fmt: skip
    return [item.model_copy(update={"file": file}) for item, file in zip(outcome.findings, moved, strict=True)]


def error_text(finding: Finding) -> str:
    """Write one finding as what, where and next, each on a line of its own."""
    word = "error" if finding.severity == "error" else finding.severity
    lines = [f"{word}: {clean(finding.message)}"]
    if finding.file:
        lines.append(f"  where: {clean(place(finding))}")
    if finding.hint:
        lines.append(f"  next: {clean(finding.hint)}")
    return "\n".join(lines)


def _show_data(data: Any, format_: str) -> None:
    """Print the data of an outcome."""
    if data is None:
        return
    if isinstance(data, str) and format_ != "jsonl":
        click.echo(data.rstrip("\n"))
    elif format_ == "table":
        _tables(data)
    else:
        click.echo({"jsonl": _jsonl, "csv": _csv, "md": _markdown}[format_](_rows(data)))


def _rows(data: Any) -> Rows:
    """Bring data into rows: a mapping becomes one row per field."""
    if isinstance(data, dict):
        return [{"field": key, "value": value} for key, value in data.items()]
    if isinstance(data, list):
        return [item if isinstance(item, dict) else {"value": item} for item in data]
    return [{"value": data}]


def _columns(rows: Rows) -> list[str]:
    """Return all keys in order of first appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def cell(value: Any) -> str:
    """Write one value for people: short floats, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ", ".join(cell(item) for item in value) or "-"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return clean(str(value))


def _jsonl(rows: Rows) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _csv(rows: Rows) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _columns(rows), lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    return buffer.getvalue().rstrip("\n")


def _plain(value: Any) -> Any:
    """Keep scalars exact for machines; nested values become JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _markdown(rows: Rows) -> str:
    columns = _columns(rows)
    return markdown.table(columns, [[cell(row.get(key)) for key in columns] for row in rows])


def _tables(data: Any) -> None:
    """Print one table; lists of records inside a mapping get tables of their own below it."""
    if not isinstance(data, dict):
        _table(_rows(data))
        return
    nested = {key: value for key, value in data.items() if _is_records(value)}
    flat = {key: value for key, value in data.items() if key not in nested}
    if flat:
        _table(_rows(flat), header=False)
    for title, rows in nested.items():
        click.echo(f"\n{title}")
        _table(rows)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _table(rows: Rows, *, header: bool = True) -> None:
    """Print rows in columns; off a terminal nothing is cut or wrapped."""
    if not rows:
        return
    columns = _columns(rows)
    if sys.stdout.isatty():
        _drawn(rows, columns, header=header)
        return
    numeric = [header and all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]
    cells = [[cell(row.get(name)) for name in columns] for row in rows]
    click.echo(plain_table(columns, cells, numeric, header=header))


def _drawn(rows: Rows, columns: Sequence[str], *, header: bool) -> None:
    """Draw a table that fits the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if header else None, show_header=header, pad_edge=False, show_edge=False)
    for name in columns:
        numeric = header and all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(name))) for name in columns))
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=True, highlight=False)
    console.print(table)
    click.echo("\n".join(line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n")))
