"""The quick commands are the tools of the same name, without what makes a start slow."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.commands import tool_command
from crypto_team.cli.index import ENTRIES
from crypto_team.cli.quick import QUICK_KEYS, Said, Warned, quick_command
from crypto_team.cli.table import TOOLS
from crypto_team.kb.index_store import code_stamp
from crypto_team.schemas.outcome import Finding, Outcome

if TYPE_CHECKING:
    from tests.cli.conftest import Line

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pydantic", "yaml", "rich", "git", "jsonschema", "numpy", "pandas"}
QUESTIONS = [
    ["list"],
    ["list", "--where", "status=draft", "--sort", "-metrics.oos_sharpe", "--columns", "name,metrics.oos_sharpe"],
    ["list", "--where", "nonsense"],
    ["query", "SELECT * FROM strategies"],
    ["query", "SELECT * FROM files"],
    ["query", "SELECT count(*) FROM metrics", "--limit", "1"],
]


@pytest.fixture
def filled(workspace: Path) -> Path:
    """A workspace with one sound and one broken entry."""
    folder = workspace / ".crypto/knowledge/registry"
    folder.mkdir()
    (folder / "STR-001.yaml").write_text(
        "strategy_id: STR-001\nname: momentum\ntype: ml_based\nstage: ml_engineer\nstatus: draft\n"
        'created: "2021-03-04T05:00:00Z"\nupdated: "2021-03-04T05:00:00Z"\nmetrics:\n  oos_sharpe: 1.5\n'
    )
    (folder / "STR-002.yaml").write_text("name: [")
    return workspace


def test_what_is_said_has_the_fields_of_an_outcome() -> None:
    assert [item.name for item in fields(Said)] == list(Outcome.model_fields)
    assert [item.name for item in fields(Warned)] == list(Finding.model_fields)


@pytest.mark.parametrize("key", QUICK_KEYS)
def test_a_quick_command_has_the_options_of_its_tool(key: str) -> None:
    tool = TOOLS[key]
    quick = quick_command(key, tool.name, tool.summary)
    assert quick is not None
    slow = tool_command(tool, tool.name, None)
    assert [(item.name, item.opts, item.required, item.multiple) for item in quick.params] == [
        (item.name, item.opts, item.required, item.multiple) for item in slow.params
    ]
    assert ENTRIES[key.replace(".", " ")][1] == key


@pytest.mark.parametrize("words", QUESTIONS, ids=" ".join)
@pytest.mark.parametrize("format_", ["json", "table", "csv"])
def test_both_ways_answer_the_same(
    line: Line, filled: Path, words: list[str], format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["registry", *words, "--format", format_]
    quick = line(*command)
    monkeypatch.setattr("crypto_team.cli.quick.QUICK_KEYS", ())
    slow = line(*command)
    if quick.code == 0 or format_ != "json":
        assert quick.out == slow.out
    assert quick.code == slow.code
    if quick.code == 0:
        assert quick.err == slow.err


def test_an_answer_from_a_current_index_imports_nothing_heavy(
    line: Line, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (filled / ".crypto/knowledge/registry/STR-002.yaml").unlink()
    # Neither how long ago the files were written nor who still holds the index open may count: both hang on the load.
    monkeypatch.setattr("crypto_team.kb.index_walk._RACY_NS", 0)
    code_stamp.cache_clear()
    assert line("registry", "list").code == 0
    gc.collect()
    for words in (["list"], ["query", "SELECT * FROM strategies"], ["query", "SELECT 1", "--format", "json"]):
        code = (
            "import json, sys; from crypto_team.cli.main import main; "
            f"code = main(['registry', *{words!r}, '--workspace', {str(filled)!r}]); "
            "print(json.dumps([code, sorted({name.split('.')[0] for name in sys.modules})]), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        answer, loaded = json.loads(done.stderr.splitlines()[-1])
        assert answer == 0
        assert sorted(set(loaded) & HEAVY) == []
