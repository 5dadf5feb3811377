"""Times that cannot be are named by file, column and row in every table, and end no check with an overflow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from crypto_team.errors import UnusableEvidenceError
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.imported.contracts import CONTRACTS
from crypto_team.gates.imported.reading import read_folder
from crypto_team.gates.imported.times import moment, utc
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.run import run_gate
from crypto_team.schemas.gate import Policy

TIMED = [
    (name, column)
    for name, contract in CONTRACTS.items()
    for column, told in contract.columns.items()
    if told.type == "time"
]


@pytest.fixture(scope="module")
def parts() -> EvidenceParts:
    return study(Design(pairs=1, bars=2400, edge=0.25, trials=2), 4).parts


@pytest.mark.parametrize(("name", "column"), TIMED)
@pytest.mark.parametrize("text", ["2324-01-01T00:00:00Z", "1600-01-01T00:00:00Z"])
def test_every_table_names_the_row_of_a_time_that_cannot_be(
    tmp_path: Path, parts: EvidenceParts, name: str, column: str, text: str
) -> None:
    table = parts.tables.get(name)
    if table is None or column not in table.columns:
        table = pd.DataFrame({each: [1.0] * 6 for each in CONTRACTS[name].columns})
        table[column] = "2024-01-01T00:00:00Z"
    times = pd.Series([str(each) for each in table[column]], dtype=object)
    times[4 if len(times) > 4 else 0] = text
    folder = parts.with_table(name, table.assign(**{column: times.to_numpy()})).write(tmp_path)
    wrong = [each for each in read_folder(folder).findings if each.pointer == f"/{column}"]
    assert len(wrong) == 1, [each.message for each in wrong]
    assert wrong[0].file == f"{name}.parquet"
    assert f"row {5 if len(times) > 4 else 1} has '{text}'" in wrong[0].message


def test_no_check_ends_with_an_overflow(tmp_path: Path, parts: EvidenceParts) -> None:
    far = np.datetime64("2324-01-01", "ms")
    for name in ("predictions", "market"):
        table = parts.tables[name].copy()
        times = table["time"].dt.tz_localize(None).to_numpy().astype("datetime64[ms]").copy()
        times[-1] = far
        table["time"] = times
        report = run_gate(IMPORTED, case_from_folder(parts.with_table(name, table).write(tmp_path / name)), Policy())
        told = " ".join(each.explanation for each in report.results)
        assert "could not be completed" not in told
        assert f"row {len(table)} has '2324" in told


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("holdout_start", "2324-01-01", "lies outside 1900 to 2199"),
        ("holdout_start", "soon", "is no time"),
        ("trained_at", "1066-10-14T00:00:00Z", "outside 1900"),
    ],
)
def test_times_of_the_meta_are_named_by_their_field(
    tmp_path: Path, parts: EvidenceParts, field: str, value: str, error: str
) -> None:
    folder = parts.write(tmp_path)
    if field == "trained_at":
        path = folder / "folds.yaml"
        document = yaml.safe_load(path.read_text())
        (document["folds"] if isinstance(document, dict) else document)[0][field] = value
    else:
        path = folder / "meta.yaml"
        document = yaml.safe_load(path.read_text()) | {field: value}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UnusableEvidenceError, match=error) as raised:
        read_folder(folder)
    assert field in raised.value.what


def test_any_column_of_times_gives_times_or_one_clear_error() -> None:
    rng = np.random.default_rng(6)
    odd = [
        *("", "x", "2024-02-30", "0001-01-01", "9999-12-31", "2024-01-01T00:00:00+09:00", "12", "-5", "NaT", "nan"),
        *(None, np.nan, np.inf, -1e300, 1e18, 2**62, 0, True, pd.NaT, datetime(2500, 1, 1, tzinfo=UTC)),
        *(datetime(2024, 1, 1),  # noqa: DTZ001 - naive times are what is read
           pd.Timestamp("2024-01-01", tz="Asia/Tokyo"), np.datetime64("1500-01-01", "s")),
    ]  # fmt: skip
    good = pd.date_range("2024-01-01", periods=5, freq="h", tz="UTC")
    for number in range(300):
        picked = [odd[each] for each in rng.integers(0, len(odd), int(rng.integers(1, 4)))]
        base = [good, good.astype(str), good.tz_localize(None), good.as_unit("s").asi8][number % 4]
        values = pd.Series([*base, *picked], dtype=object)
        values = values.infer_objects() if number % 3 else values
        made, told = read(values)
        assert (made is None) == told.startswith("row ")
        if made is not None:
            assert str(made.dtype) == "datetime64[ms, UTC]"
            assert made.dropna().between("1900-01-01", "2200-01-01").all()


def read(values: pd.Series[Any]) -> tuple[pd.Series[Any] | None, str]:
    try:
        return utc(values), ""
    except ValueError as error:
        return None, str(error)


def test_a_moment_is_the_same_in_any_zone_and_unit() -> None:
    assert moment("2024-01-01") == moment("2024-01-01T00:00:00Z") == moment("2024-01-01T09:00:00+09:00")
    assert moment("2024-01-01T00:00:00.123456789Z") == moment("2024-01-01") + 123
    for seconds in (1.7e9, 1.7e12, 1.7e15, 1.7e18):
        assert utc(pd.Series([seconds])).iloc[0] == pd.Timestamp(1.7e9, unit="s", tz="UTC")
