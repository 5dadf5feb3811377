"""Exit codes, streams and formats of the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from crypto_team.tools.session import Session
    from tests.cli.conftest import Line

CLAIM = ("--title", "Costs eat weak signals", "--text", "Below 3 bps nothing is left.")


def put(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    """Let `crypto-team validate` run another function."""
    monkeypatch.setitem(TOOLS, "validate", replace(TOOLS["validate"], function=function))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["regstry"], "registry"),
        (["registry", "lst"], "list"),
        (["ml-engineer", "trian"], "train"),
        (["validate", "--formt", "json"], "--format"),
        (["handoff", "STR-001"], "--to"),
        (["handoff", "STR-001", "--to", "nobody"], "data_collector"),
        (["registry", "show"], "STRATEGY_ID"),
    ],
)
def test_a_mistyped_command_is_a_usage_error_that_shows_the_way(line: Line, arguments: list[str], hint: str) -> None:
    done = line(*arguments)
    assert done.code == 2
    assert hint in done.err
    assert done.out == ""
    assert "next: crypto-team" in done.err


def test_a_tool_of_another_role_is_refused_with_its_owner(line: Line) -> None:
    for words in (["critic", "train"], ["role", "critic", "train"]):
        done = line(*words, "STR-001")
        assert done.code == 3
        assert "ml-engineer" in done.err


def test_a_flag_needs_no_value(line: Line, workspace: Path) -> None:
    assert line("doctor", "--repair").code == 0


def test_data_goes_to_stdout_and_everything_else_to_stderr(line: Line, workspace: Path) -> None:
    done = line("status")
    assert "datasets" in done.out
    assert "0 trials" in done.err
    assert "0 trials" not in done.out


def test_json_is_the_whole_outcome(line: Line, workspace: Path) -> None:
    for arguments in (("status", "--format", "json"), ("--format", "json", "status")):
        done = line(*arguments)
        outcome = Outcome.model_validate_json(done.out)
        assert outcome.ok
        assert outcome.data["datasets"] == 0


def test_rows_come_as_json_lines_csv_or_markdown(line: Line, workspace: Path) -> None:
    line("learnings", "add", *CLAIM, "--as", "critic")
    rows = [json.loads(text) for text in line("learnings", "list", "--format", "jsonl").out.splitlines()]
    assert rows[0]["role"] == "critic"
    table = list(csv.DictReader(io.StringIO(line("learnings", "list", "--format", "csv").out)))
    assert table[0]["title"] == CLAIM[1]
    markdown = line("learnings", "list", "--format", "md").out.splitlines()
    assert markdown[0].startswith("| learning_id |")
    assert CLAIM[1] in markdown[2]


def test_a_role_may_be_written_either_way(line: Line, workspace: Path) -> None:
    for words in (["critic"], ["role", "critic"], ["quant_analyst"], ["role", "quant-analyst"]):
        assert line(*words, "next").code == 0


def test_the_role_that_acts_is_the_group_it_is_called_in(line: Line, workspace: Path) -> None:
    done = line("critic", "learn", *CLAIM, "--format", "json")
    assert "-critic-" in json.loads(done.out)["data"]["learning_id"]


def test_a_workspace_can_be_named_from_anywhere(line: Line, workspace: Path, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    assert line("validate").code == 2
    assert line("validate", "--workspace", str(workspace)).code == 0
    assert line("--workspace", str(workspace), "validate").code == 0
    refused = line("validate", "--workspace", str(tmp_path))
    assert refused.code == 2
    assert "crypto-team init" in refused.err


def test_findings_of_a_validator_are_its_data(line: Line, workspace: Path) -> None:
    (workspace / ".crypto/policy.yaml").write_text("schema_version: 1\nprofile: lenient\n")
    done = line("validate")
    assert done.code == 1
    assert re.search(r"^\.crypto/policy\.yaml:2:\d+: error ", done.out, re.MULTILINE)
    rows = line("validate", "--format", "jsonl")
    assert json.loads(rows.out.splitlines()[0])["file"] == ".crypto/policy.yaml"


def test_a_bug_is_one_sentence_for_the_user_and_a_traceback_in_a_file(
    line: Line, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(session: Session) -> Outcome:
        """Fail."""
        raise ZeroDivisionError("by nothing")

    put(monkeypatch, broken)
    done = line("validate")
    assert done.code == 70
    assert "Traceback" not in done.err
    found = re.search(r"traceback is in (\S+)", done.err)
    assert found is not None
    log = Path(found[1])
    assert "ZeroDivisionError: by nothing" in log.read_text()
    log.unlink()


def test_an_interruption_is_130_and_says_that_nothing_is_half_written(
    line: Line, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(session: Session) -> Outcome:
        """Be interrupted."""
        raise KeyboardInterrupt

    put(monkeypatch, interrupted)
    done = line("validate")
    assert done.code == 130
    assert "interrupted; nothing half-written" in done.err


def test_control_characters_in_records_do_not_reach_the_terminal(
    line: Line, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hostile(session: Session) -> Outcome:
        """Answer with escape sequences."""
        return Outcome(ok=True, summary="a\x1b[2Jb", data=[{"x": "c\x1b]0;owned\x07d [red]e"}])

    put(monkeypatch, hostile)
    done = line("validate")
    assert "\x1b" not in done.out + done.err
    assert "[red]e" in done.out


def test_progress_as_json_lines_goes_to_stderr(line: Line, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(session: Session) -> Outcome:
        """Report progress."""
        session.progress(0.5, "half")
        return Outcome(ok=True, summary="done")

    put(monkeypatch, slow)
    done = line("validate", "--progress", "json")
    assert json.loads(done.err.splitlines()[0]) == {"progress": 0.5, "text": "half"}
    assert done.out == ""


def test_a_reader_that_stops_reading_is_no_error(workspace: Path) -> None:
    code = "from crypto_team.cli.main import run; run()"
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code, "gate", "explain", "OF010"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert process.wait() == 0
    assert "Traceback" not in errors
    assert "Broken" not in errors
