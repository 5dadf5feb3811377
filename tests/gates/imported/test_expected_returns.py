"""Foreign regressions may show their returns before calibration; a line of the test rows is then found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check


@pytest.fixture(scope="module")
def parts() -> EvidenceParts:
    return study(Design(pairs=1, classes=0, bars=3600, edge=0.25, trials=2), 4).parts


def calibrated_by(parts: EvidenceParts, part: str) -> EvidenceParts:
    """Return the evidence with the line of one part of each fold on top of what was expected before."""
    table = parts.tables["predictions"].copy()
    table["expected_raw_bps"] = 3.0 * table["expected_bps"] + 5.0
    for number in table["fold"].unique():
        rows = (table["fold"] == number).to_numpy()
        known = table[rows & (table["part"] == part) & table["forward_return"].notna()]
        slope, intercept = np.polyfit(known["expected_raw_bps"], known["forward_return"] * 1e4, 1)
        table.loc[rows, "expected_bps"] = slope * table.loc[rows, "expected_raw_bps"] + intercept
    return parts.with_table("predictions", table)


def test_a_line_of_the_inner_rows_passes(parts: EvidenceParts, tmp_path: Path) -> None:
    case = case_from_folder(calibrated_by(parts, "inner").write(tmp_path))
    result = run_check("LK005", case)
    assert result.outcome == "passed", result.explanation


def test_a_line_of_the_test_rows_is_refused(parts: EvidenceParts, tmp_path: Path) -> None:
    result = run_check("LK005", case_from_folder(calibrated_by(parts, "test").write(tmp_path)))
    assert result.outcome == "refused"
    assert "those of a line fitted on the test rows" in result.explanation


def test_raw_returns_alone_count_as_they_are(parts: EvidenceParts, tmp_path: Path) -> None:
    table = parts.tables["predictions"]
    bare = parts.with_table("predictions", table.rename(columns={"expected_bps": "raw_bps"}))
    raw, final = (case_from_folder(each.write(tmp_path / name)) for name, each in (("raw", bare), ("final", parts)))
    assert raw.predictions is not None
    assert final.predictions is not None
    pd.testing.assert_series_equal(raw.predictions["expected_bps"], final.predictions["expected_bps"])
    assert run_check("OF008", raw).value == run_check("OF008", final).value


def test_returns_without_a_raw_column_are_judged_without_it(parts: EvidenceParts, tmp_path: Path) -> None:
    case = case_from_folder(parts.write(tmp_path))
    assert case.predictions is not None
    assert "expected_raw_bps" not in case.predictions
    assert run_check("LK005", case).outcome == "passed"
    assert "slope of realised on expected returns" in run_check("OF008", case).explanation
