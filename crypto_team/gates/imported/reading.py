"""Read a folder of foreign evidence: tolerant of names, strict about content; what is wrong becomes a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_team.errors import UnusableEvidenceError
from crypto_team.gates.imported.contracts import CONTRACTS, PARTS, Column
from crypto_team.gates.imported.forecasts import with_forecasts
from crypto_team.gates.imported.meta import read_meta
from crypto_team.gates.imported.times import utc
from crypto_team.schemas.evidence import ImportedMeta
from crypto_team.schemas.outcome import Finding

TIME = "datetime64[ms, UTC]"
MOST_ROWS = 20_000_000
MOST_WHOLE = 2.0**53
FORECASTS = {
    "test": ("p_1", "expected_bps"),
    "inner": ("p_1", "expected_bps", "p_raw_1", "expected_raw_bps"),
}


@dataclass
class Imported:
    """A folder of evidence, read.

    Attributes
    ----------
    meta
        `meta.yaml`, and the folds of `folds.yaml` where that is there.
    tables
        Name -> table, columns under the names of the contract; a table that is not there is missing.
    findings
        What breaks the contracts; PR001 refuses by them.
    notes
        What was read in another way than it was written.
    """

    meta: ImportedMeta
    tables: dict[str, pd.DataFrame]
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wrong(self, file: str, text: str, pointer: str | None = None) -> None:
        """Record something that breaks the contract."""
        self.findings.append(Finding(code="PR001", severity="error", message=text, file=file, pointer=pointer))


def read_folder(folder: Path) -> Imported:
    """Read a folder of evidence.

    Raises
    ------
    UnusableEvidenceError
        There is no folder, or no `meta.yaml` that can be read: without it nothing can be judged.
    """
    if not folder.is_dir():
        raise UnusableEvidenceError(
            "no such folder of evidence", where=str(folder), hint="docs/reference/evidence.md has its form"
        )
    found = Imported(read_meta(folder), {})
    for name in CONTRACTS:
        path = _path(folder, name)
        if path is not None:
            _read_into(found, name, path)
    _one_pair(found)
    if "predictions" in found.tables:
        _predictions(found)
    return found


def _path(folder: Path, name: str) -> Path | None:
    for candidate in (name, *CONTRACTS[name].aliases):
        for ending in (".parquet", ".csv"):
            if (folder / f"{candidate}{ending}").is_file():
                return folder / f"{candidate}{ending}"
    return None


def _read_into(found: Imported, name: str, path: Path) -> None:
    try:
        if path.suffix == ".parquet" and pq.read_metadata(path).num_rows > MOST_ROWS:
            found.wrong(path.name, f"more than {MOST_ROWS:,} rows")
            return
        frame = pq.read_table(path).to_pandas() if path.suffix == ".parquet" else pd.read_csv(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        found.wrong(path.name, f"{path.name} cannot be read: {error}"[:500])
        return
    if frame.index.name or isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    frame.columns = [str(column) for column in frame.columns]
    # Row numbers that pandas wrote down are no column of anybody's.
    frame = frame.drop(
        columns=[column for column in frame.columns if column.startswith(("Unnamed: ", "__index_level_"))]
    )
    frame = frame.replace([np.inf, -np.inf], np.nan) if name == "features" else frame
    made = _conformed(found, name, path.name, frame)
    if made is not None:
        found.tables[name] = made


def _conformed(found: Imported, name: str, file: str, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return the table with the contract's names and types; None, with a finding, where that is impossible."""
    contract = CONTRACTS[name].columns
    table = frame.rename(columns=_renamed(contract, frame))
    missing = [wanted for wanted, column in contract.items() if column.required and wanted not in table.columns]
    if missing:
        found.wrong(file, f"lacks the columns {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"[:500])
        return None
    if table.columns.duplicated().any():
        found.wrong(file, f"has two columns {table.columns[table.columns.duplicated()][0]}")
        return None
    for wanted, column in contract.items():
        if wanted in table.columns:
            try:
                table[wanted] = _typed(table[wanted], column)
            except (ValueError, TypeError, OverflowError) as error:
                hint = "; leave it empty while the pair trades" if wanted == "delisted" else ""
                found.wrong(
                    file, f"column {wanted} is not of the type {column.type}: {error}{hint}"[:500], f"/{wanted}"
                )
                return None
            _infinite(found, file, wanted, table)
            _hollow(found, file, wanted, column, table[wanted])
    return _rows_with_content(found, name, file, table)


def _rows_with_content(found: Imported, name: str, file: str, table: pd.DataFrame) -> pd.DataFrame | None:
    """Return the table without rows that were recorded as holes; None where nothing is left, which is as missing."""
    contract = CONTRACTS[name].columns
    if name != "market":
        needed = [wanted for wanted, column in contract.items() if column.required or wanted == "pair"]
        table = table.dropna(subset=table.columns.intersection(needed))
    if table.empty:
        found.notes.append(f"{file} has no rows")
        return None
    if name == "features":
        table = table.drop(columns=_unusable(found, file, table.drop(columns=[*contract], errors="ignore")))
    return table.reset_index(drop=True)


def _unusable(found: Imported, file: str, features: pd.DataFrame) -> list[str]:
    """Return columns without a single number, and record them: what is recomputed from them would show nothing."""
    numbers = features.select_dtypes(include=["number", "bool"])
    hollow = [str(name) for name in numbers if not np.isfinite(numbers[name].to_numpy(dtype=np.float64)).any()]
    words = [str(name) for name in features.columns.difference(numbers.columns)]
    hollow += [name for name in words if features[name].isna().all()]
    if set(words) - set(hollow):
        found.notes.append(f"{file}: {', '.join(words[:5])} hold no numbers and are left out")
    if hollow:
        found.wrong(file, f"{len(hollow)} features have no finite value: {', '.join(map(str, hollow[:5]))}")
    return [*hollow, *words]


def _renamed(contract: Mapping[str, Column], frame: pd.DataFrame) -> dict[str, str]:
    """Return which columns of the table have one of the other names."""
    renamed: dict[str, str] = {}
    for wanted, column in contract.items():
        other = next((alias for alias in column.aliases if alias in frame.columns and alias not in renamed), None)
        if wanted not in frame.columns and other is not None:
            renamed[other] = wanted
    return renamed


def _infinite(found: Imported, file: str, wanted: str, table: pd.DataFrame) -> None:
    """Record numbers that are none, and empty them."""
    if table[wanted].dtype != np.float64:
        return
    wrong = np.isinf(table[wanted].to_numpy(dtype=np.float64))
    if wrong.any():
        found.wrong(file, f"column {wanted} is infinite in {int(wrong.sum())} of {len(wrong)} rows", f"/{wanted}")
        table.loc[wrong, wanted] = np.nan


def _hollow(found: Imported, file: str, wanted: str, column: Column, values: pd.Series[Any]) -> None:
    """Record a required column with holes."""
    holes = int(values.isna().sum())
    if holes and (column.required or wanted == "pair") and not (file.startswith("market") and wanted == "close"):
        found.wrong(file, f"column {wanted} is empty in {holes} of {len(values)} rows", f"/{wanted}")


def _typed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.type == "time":
        return utc(values)
    if column.type == "text":
        return values.astype("str")
    if column.type == "truth":
        return values.map(lambda each: str(each).lower() in {"true", "1", "1.0", "yes"}).astype(bool)
    numbers = pd.to_numeric(values, errors="raise").astype("float64")
    if column.type == "whole":
        return _whole(numbers, column.least)
    return numbers


def _whole(numbers: pd.Series[float], least: float) -> pd.Series[int]:
    """Return whole numbers; beyond 2^53 a float is none that could be told from its neighbours."""
    values = numbers.to_numpy(dtype=np.float64)
    odd = ~(np.abs(values) <= MOST_WHOLE) | (values % 1 != 0)
    for wrong, what in ((odd, "not a whole number"), (values < least, f"below {least:g}")):
        if wrong.any():
            first = int(wrong.argmax())
            told = f"{what} in {int(wrong.sum())} of {len(wrong)} rows, first in row {first}: {values[first]:g}"
            raise ValueError(told)
    return numbers.astype("int64")


def _one_pair(found: Imported) -> None:
    """Name the only pair where tables do not."""
    named = [table["pair"].iloc[0] for table in found.tables.values() if "pair" in table.columns and len(table)]
    pair = str(named[0]) if named else "ASSET/QUOTE"
    for name, table in found.tables.items():
        if "pair" in CONTRACTS[name].columns and "pair" not in table.columns:
            table.insert(1, "pair", pair)
            found.notes.append(f"{name}: no column pair, all rows are taken as {pair}")


def _predictions(found: Imported) -> None:
    table = found.tables["predictions"]
    table["part"] = table["part"].str.lower().str.strip().map(lambda part: PARTS.get(part, part))
    unknown = sorted(set(table["part"]) - {"train", "inner", "test", "holdout"})
    if unknown:
        found.wrong(
            "predictions.parquet", f"unknown parts {', '.join(unknown)[:200]}; train, inner, test, holdout exist"
        )
    for column in ("label", "forward_return", "position", "return_gross", "return_net"):
        if column not in table.columns:
            table[column] = np.nan
            found.notes.append(f"predictions: no column {column}")
    if "label_end" not in table.columns:
        table["label_end"] = pd.Series(pd.NaT, index=table.index).dt.tz_localize("UTC").astype(TIME)
        found.notes.append("predictions: no column label_end")
    made, problems = with_forecasts(table)
    for problem in [*problems, *_unforecast(made), *_too_large(made)]:
        found.wrong("predictions.parquet", problem)
    found.tables["predictions"] = made


def _unforecast(table: pd.DataFrame) -> Iterator[str]:
    """Name rows without a forecast: of the test all of them, of the inner part those among rows that have one."""
    for part in ("test", "inner"):
        rows = table[table["part"] == part]
        for column in FORECASTS[part]:
            holes = rows[column].isna() if column in table.columns else pd.Series(dtype=bool)
            # Whoever keeps no inner forecasts at all hides none of them: the checks that need them say so.
            if holes.any() and (part == "test" or not holes.all()):
                first = rows.loc[holes, "time"].iloc[0]
                yield f"{int(holes.sum())} of {len(rows)} {part} rows have no forecast ({column}), first {first}"


def _too_large(table: pd.DataFrame) -> Iterator[str]:
    """Name positions beyond the whole capital."""
    far = (table["position"].abs() > 1.0 + 1e-9) | np.isinf(table["position"])
    if far.any():
        yield f"{int(far.sum())} positions lie beyond -1 to 1"
