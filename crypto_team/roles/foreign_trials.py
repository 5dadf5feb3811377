"""Searches of other programs, read as numbers of tries and, where returns are known, daily Sharpe ratios."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crypto_team.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

MOST_BYTES = 500_000_000


@dataclass(frozen=True)
class ForeignTrials:
    """What a file says: its bytes, how many tries, and the daily Sharpe ratio of each where it is known."""

    content: bytes
    count: int
    what: str
    sharpes: list[float] = field(default_factory=list)
    periods: int = 0


def read(file: Path, source: str) -> ForeignTrials:
    """Read a file of tries.

    Raises
    ------
    InputError
        The file is missing, too large, or not what `source` writes.
    """
    if not file.is_file():
        raise InputError("there is no such file", where=str(file))
    if file.stat().st_size > MOST_BYTES:
        raise InputError(f"larger than {MOST_BYTES // 1_000_000} MB", where=str(file))
    content = file.read_bytes()
    found = READERS[source](file, content)
    if found.count < 1:
        raise InputError("no try is in it", where=str(file), hint=f"is this really a file of {source}?")
    return found


def _returns(file: Path, content: bytes) -> ForeignTrials:
    """Read one column of returns for each try; days are UTC days, returns within a day add up."""
    import numpy as np
    import pandas as pd

    from crypto_team.validation.significance import moments

    table = _table(file)
    if "time" not in table:
        raise InputError("there is no column called time", where=str(file), hint="time, then one column for each try")
    stamps = pd.to_datetime(table["time"], utc=True, errors="coerce")
    numbers = table.drop(columns="time").apply(pd.to_numeric, errors="coerce")
    if stamps.isna().any() or numbers.isna().to_numpy().any():
        raise InputError("a time or a return is missing or not a number", where=str(file))
    daily = numbers.groupby(stamps.dt.floor("D")).sum()
    found = [moments(np.asarray(daily[name], dtype=np.float64)) for name in daily]
    sharpes = [item.sharpe if item.std > 0 else 0.0 for item in found]
    return ForeignTrials(content, len(sharpes), f"{len(sharpes)} columns of {file.name}", sharpes, len(daily))


def _table(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (ValueError, OSError) as problem:
        raise InputError(f"cannot be read as a table: {problem}", where=str(file)) from problem


def _hyperopt(file: Path, content: bytes) -> ForeignTrials:
    """Count the epochs of a Freqtrade hyperopt; each line is one, pruned and losing ones too."""
    count = 0
    for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            epoch = json.loads(line)
        except ValueError as problem:
            raise InputError("this line is not JSON", where=f"{file}:{number}") from problem
        if not isinstance(epoch, dict) or "loss" not in epoch:
            raise InputError("this line is no epoch of a hyperopt", where=f"{file}:{number}")
        count += 1
    return ForeignTrials(content, count, f"{count} epochs of {file.name}")


def _optuna(file: Path, content: bytes) -> ForeignTrials:
    """Count the trials of all studies in a journal or an SQLite database, whatever became of them."""
    count = _journalled(content) if not content.startswith(b"SQLite format 3\x00") else _stored(file)
    return ForeignTrials(content, count, f"{count} trials of {file.name}")


CREATE_TRIAL = 4
"""`JournalOperation.CREATE_TRIAL` of Optuna: the line that begins a trial."""


def _journalled(content: bytes) -> int:
    made = 0
    for line in content.decode("utf-8", errors="replace").splitlines():
        try:
            made += json.loads(line).get("op_code") == CREATE_TRIAL
        except (ValueError, AttributeError) as problem:
            raise InputError("this is neither a journal nor a database of Optuna") from problem
    return made


def _stored(file: Path) -> int:
    """Ask the database itself, read-only: a file from elsewhere is data, and no code of it runs."""
    import sqlite3

    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        with connection:
            [(count,)] = connection.execute("SELECT count(*) FROM trials").fetchall()
        connection.close()
    except sqlite3.DatabaseError as problem:
        raise InputError(f"this is no database of Optuna: {problem}", where=str(file)) from problem
    return int(count)


READERS: dict[str, Callable[[Path, bytes], ForeignTrials]] = {
    "returns": _returns,
    "hyperopt": _hyperopt,
    "optuna": _optuna,
}
