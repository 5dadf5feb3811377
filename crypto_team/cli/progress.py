"""How long work is shown on stderr: a bar on a terminal, JSON lines for programs, nothing otherwise."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[[float, str], None]


@contextmanager
def shown(mode: str, title: str, *, long: bool) -> Iterator[Report]:
    """Give a tool something to report its progress to.

    Parameters
    ----------
    mode
        `auto`, `json` or `none`.
    title
        What is shown until the tool says what it is doing.
    long
        Whether the tool takes long enough to be watched.
    """
    if mode == "json":
        yield _json_line
    elif mode == "auto" and long and sys.stderr.isatty():
        yield from _bar(title)
    else:
        yield _nothing


def compiling(mode: str, report: Report, *, long: bool) -> Report:
    """Return what shows that kernels are compiled before the first numbers come, whatever the command.

    A command that takes long has a bar already; on a terminal the others get a line that vanishes.
    """
    if mode == "auto" and not long and sys.stderr.isatty():
        return _line
    return report


def _line(fraction: float, text: str) -> None:
    """Write over the last line, and clear it at the end."""
    filled = round(20 * fraction)
    shown_text = f"{'=' * filled}{'-' * (20 - filled)} {fraction:4.0%} {text}" if fraction < 1.0 else ""
    print(f"\r\033[K{shown_text}", end="", file=sys.stderr, flush=True)  # noqa: T201


def _nothing(fraction: float, text: str) -> None:
    """Show nothing."""


def _json_line(fraction: float, text: str) -> None:
    """Write one JSON object per report."""
    print(json.dumps({"progress": round(fraction, 4), "text": text}), file=sys.stderr, flush=True)  # noqa: T201


def _bar(title: str) -> Iterator[Report]:
    """Draw a bar with elapsed time."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda fraction, text: progress.update(task, completed=fraction, description=text)
