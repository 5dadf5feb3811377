"""Evidence is judged anywhere, without a workspace, in every format, and drawn as one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto_team.cli.main import cli
from crypto_team.gates.corpus.evidence_bad import bad
from crypto_team.gates.corpus.evidence_honest import honest


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("evidence")
    return {
        "good": honest("plain", 1).write(base / "good"),
        "bad": bad("forward_shifted", 1).write(base / "bad"),
    }


def test_honest_evidence_passes_anywhere(folders: dict[str, Path]) -> None:
    result = CliRunner().invoke(cli, ["gate", "check", "--evidence", str(folders["good"]), "--format", "json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["data"]
    assert told["verdict"] == "passed"
    assert {"code", "outcome", "value", "threshold", "interval", "explanation"} <= set(told["checks"][0])


def test_bad_evidence_is_refused_with_the_reason_and_a_page(folders: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "verdict.html"
    arguments = ["gate", "check", "--evidence", str(folders["bad"]), "--html", str(page), "--format", "json"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 3
    told = json.loads(result.stdout)["data"]
    assert told["verdict"] == "refused"
    refused = {each["code"]: each for each in told["checks"] if each["outcome"] == "refused"}
    assert "those of the bar after" in refused["DQ007"]["explanation"]
    text = page.read_text()
    assert "DQ007" in text
    assert "<svg" in text


def test_a_folder_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["gate", "check", "--evidence", str(tmp_path / "none")])
    assert result.exit_code in {1, 2}
    assert "no such folder of evidence" in result.output


def test_import_says_what_is_there_and_what_is_missing(folders: dict[str, Path]) -> None:
    result = CliRunner().invoke(cli, ["evidence", "import", str(folders["good"]), "--format", "json"])
    assert result.exit_code == 0, result.output
    tables = {row["table"]: row for row in json.loads(result.stdout)["data"]}
    assert tables["predictions"]["there"] == "yes"
    assert "OF011" in tables["trial_returns"]["checks that need it"]
