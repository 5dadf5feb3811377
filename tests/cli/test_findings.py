"""The formats of validators, for people and machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from crypto_team.cli.findings import RENDERERS
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Line

HOSTILE = Finding(
    code="odd",
    severity="error",
    message="a\x1b[2J%::warning::<b>&\"'\n::set-output name=x::y\ud800",
    pointer="/a/b",
    file="dir,a:b/ü<x>.yaml",
    line=3,
    col=7,
    hint="crypto-team validate",
)
WARNING = Finding(code="note", severity="warning", message="careful")


def test_nothing_in_a_message_becomes_markup_or_a_command() -> None:
    for name, render in RENDERERS.items():
        text = render([HOSTILE, WARNING])
        assert "\x1b" not in text, name
    lines = RENDERERS["github"]([HOSTILE, WARNING]).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("::error file=dir%2Ca%3Ab/ü<x>.yaml,line=3,col=7,title=crypto-team odd::")
    assert "::set-output" not in lines[0].split("\n")[0][:20]
    assert lines[1] == "::warning title=crypto-team note::careful"
    assert len(RENDERERS["concise"]([HOSTILE]).splitlines()) == 1


def test_sarif_says_what_where_and_how_bad() -> None:
    document = json.loads(RENDERERS["sarif"]([HOSTILE, WARNING]))
    run = document["runs"][0]
    assert document["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["note", "odd"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    assert place["artifactLocation"]["uri"] == "dir%2Ca%3Ab/%C3%BC%3Cx%3E.yaml"
    assert (first["level"], second["level"]) == ("error", "warning")
    assert "locations" not in second
    assert json.loads(RENDERERS["sarif"]([]))["runs"][0]["results"] == []


def test_junit_is_xml_with_one_failure_for_each_error() -> None:
    root = ET.fromstring(RENDERERS["junit"]([HOSTILE, WARNING]).encode())  # noqa: S314 - our own text
    assert root.attrib["tests"] == "2"
    assert root.attrib["failures"] == "1"
    failures = root.findall(".//failure")
    assert len(failures) == 1
    assert failures[0].attrib["type"] == "odd"
    empty = ET.fromstring(RENDERERS["junit"]([]).encode())  # noqa: S314 - our own text
    assert (empty.attrib["tests"], empty.attrib["failures"]) == ("1", "0")


@pytest.mark.parametrize("format_", [*RENDERERS, "json", "jsonl", "csv", "md", "table"])
def test_every_validator_takes_every_format_with_and_without_findings(
    line: Line, workspace: Path, format_: str
) -> None:
    for command in (["validate"], ["fmt", "--check"], ["ci"]):
        assert line(*command, "--format", format_).code == 0
    (workspace / ".crypto/policy.yaml").write_text("schema_version: 1\nprofile: lenient\n")
    for command in (["validate"], ["ci"]):
        done = line(*command, "--format", format_)
        assert done.code == 1
        assert "policy.yaml" in done.out


def test_other_commands_refuse_the_formats_of_validators(line: Line, workspace: Path) -> None:
    assert line("status", "--format", "sarif").code == 2
    assert line("--format", "sarif", "status").code == 2
    assert line("registry", "list", "--format", "junit").code == 2


def test_github_is_told_paths_from_the_root_of_the_checkout(
    line: Line, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / ".crypto/policy.yaml").write_text("schema_version: 1\nprofile: lenient\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(workspace.parent))
    assert "file=work/.crypto/policy.yaml,line=2" in line("ci", "--format", "github").out
    monkeypatch.setenv("GITHUB_WORKSPACE", str(workspace))
    assert "file=.crypto/policy.yaml,line=2" in line("ci", "--format", "github").out


def test_full_says_where_in_the_document_and_what_to_do(line: Line, workspace: Path) -> None:
    (workspace / ".crypto/policy.yaml").write_text("schema_version: 1\nprofle: strict\n")
    out = line("validate", "--format", "full").out
    assert "at /profle" in out
    assert "did you mean 'profile'?" in out
    assert "1 error(s), 0 warning(s), 0 info(s)" in out
