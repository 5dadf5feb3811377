"""The command line, run in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Done:
    """What one command line did."""

    code: int
    out: str
    err: str


class Line:
    """Runs command lines and gives back code, stdout and stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self.capsys.readouterr()
        code = main(arguments)
        shown = self.capsys.readouterr()
        return Done(code, shown.out, shown.err)


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(capsys)


@pytest.fixture
def workspace(tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a workspace and stand in it."""
    assert line("init", "--path", str(tmp_path / "work")).code == 0
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"
