"""Evidence is judged anywhere, without a workspace, in every format, and drawn as one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crypto_team.cli.main import main
from crypto_team.gates.corpus.evidence_bad import bad
from crypto_team.gates.corpus.evidence_honest import honest
from crypto_team.gates.policy import GATES


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("evidence")
    return {
        "good": honest("plain", 1).write(base / "good"),
        "bad": bad("forward_shifted", 1).write(base / "bad"),
    }


def test_honest_evidence_passes_anywhere(capsys: pytest.CaptureFixture[str], folders: dict[str, Path]) -> None:
    code = main(["gate", "check", "--evidence", str(folders["good"]), "--format", "json"])
    told_all = capsys.readouterr()
    assert code == 0, told_all.err
    told = json.loads(told_all.out)["data"]
    assert told["verdict"] == "passed"
    assert {"code", "outcome", "value", "threshold", "interval", "explanation"} <= set(told["checks"][0])


def test_bad_evidence_is_refused_with_the_reason_and_a_page(
    capsys: pytest.CaptureFixture[str], folders: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "verdict.html"
    arguments = ["gate", "check", "--evidence", str(folders["bad"]), "--html", str(page), "--format", "json"]
    code = main(arguments)
    told_all = capsys.readouterr()
    assert code == 3
    told = json.loads(told_all.out)["data"]
    assert told["verdict"] == "refused"
    refused = {each["code"]: each for each in told["checks"] if each["outcome"] == "refused"}
    assert "those of the bar after" in refused["DQ007"]["explanation"]
    text = page.read_text()
    assert "DQ007" in text
    assert "<svg" in text


def test_a_folder_that_is_not_there_is_an_error_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["gate", "check", "--evidence", str(tmp_path / "none")])
    told_all = capsys.readouterr()
    assert code == 2
    assert "no such folder of evidence" in told_all.err


@pytest.mark.parametrize("words", [None, "x: [", "- a list", "timeframe: soon"])
def test_evidence_that_cannot_be_read_is_wrong_usage_and_not_a_finding(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: str | None
) -> None:
    if words is not None:
        (tmp_path / "meta.yaml").write_text(words)
    for command in (["gate", "check", "--evidence"], ["evidence", "import"]):
        assert main([*command, str(tmp_path)]) == 2
        assert "meta.yaml" in capsys.readouterr().err


def test_the_list_of_gates_fits_a_terminal_and_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 160
    told = " ".join(lines).split()
    assert {code for gate in GATES.values() for code in gate.codes} <= set(told)


def test_import_says_what_is_there_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], folders: dict[str, Path]
) -> None:
    code = main(["evidence", "import", str(folders["good"]), "--format", "json"])
    told_all = capsys.readouterr()
    assert code == 0, told_all.err
    tables = {row["table"]: row for row in json.loads(told_all.out)["data"]}
    assert tables["predictions"]["there"] == "yes"
    assert "OF011" in tables["trial_returns"]["checks that need it"]
