"""The causality audit of Python features on frames from files."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.errors import InputError, UsageError, WorkerError
from crypto_team.roles import seals
from crypto_team.schemas.outcome import Finding, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from crypto_team.errors import CryptoTeamError
    from crypto_team.features.probes import Decision
    from crypto_team.features.verdicts import ColumnVerdict
    from crypto_team.tools.session import Session

USUAL = "features"


def audit(
    session: Session, file: str, data: Path, aux: Sequence[str], *, decision: Decision, seed: int | None
) -> Outcome:
    """Audit every column of a function and say which look ahead, and what shows it."""
    from crypto_team.features.frame_audit import audit_frames
    from crypto_team.features.verdicts import UNKNOWN
    from crypto_team.gates.audit import suspicious_lines

    code, function = _code(file)
    others: dict[str, pd.DataFrame] = {}
    try:
        ohlcv, sealed = _unsealed(session, data, table(data))
        others |= dict(_named(item) for item in aux)
        session.progress(0.05, f"running {function} once alone, then on other futures")
        found = audit_frames(code, function, ohlcv, others, decision=decision, seed=seed)
    except (InputError, WorkerError) as problem:
        # Exit code 1 says that a column looks ahead. That nothing could be probed is another thing.
        raise UsageError(problem.what, where=problem.where, hint=_hint(problem, code, function, others)) from None
    failed = [item for item in found.verdicts if not item.causal]
    leaking = [item.column for item in failed if item.probe != UNKNOWN]
    unproven = [item.column for item in failed if item.probe == UNKNOWN]
    hints = [
        Finding(code="worth-a-look", severity="info", message=reason, file=code.name, line=line)
        for line, reason in suspicious_lines(code.read_text(encoding="utf-8"), function)
    ]
    notes = [Finding(code="not-probed", severity="warning", message=text, file=code.name) for text in found.notes]
    counted = (
        f"{len(found.verdicts)} column(s), {found.variants} replaced futures, decision at the bar's {decision}, "
        f"seed {found.seed}"
    )
    if sealed:
        counted += f"; bars from {sealed} on are sealed and were left out"
    words = [
        *([f"{', '.join(leaking[:10])} look ahead"] if leaking else []),
        *([f"{', '.join(unproven[:10])} hold nothing that could be probed"] if unproven else []),
    ]
    return Outcome(
        ok=not failed,
        summary=f"{' and '.join(words) or 'no leak found'}: {counted}",
        data=[_row(item, ohlcv) for item in found.verdicts],
        findings=[*notes, *(hints if leaking else [])],
        exit_code=1 if failed else 0,
    )


def _hint(problem: CryptoTeamError, code: Path, function: str, others: Mapping[str, pd.DataFrame]) -> str | None:
    """Say which frames a function asks for and was not given, where it failed over that."""
    tree = ast.parse(code.read_text(encoding="utf-8")) if "KeyError" in problem.what else ast.Module([], [])
    asked = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "aux"
        if isinstance(node.slice, ast.Constant)
    }
    missing = [str(name) for name in sorted(map(str, asked - set(others)))]
    given = " ".join(f"--aux {name}=FILE" for name in missing)
    return f"{function} reads frames that were not given: {given}" if missing else problem.hint


def _unsealed(session: Session, data: Path, ohlcv: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Cut bars of a registered market at its seal: verdicts say what columns know of later returns."""
    import numpy as np
    import pandas as pd

    from crypto_team.features.probes import source
    from crypto_team.features.scopes import TIMEFRAMES

    own = source(ohlcv, "data")
    close = own.columns(frozenset({"close"}))
    timeframe = next((name for name, length in TIMEFRAMES.items() if length == own.step), None)
    if timeframe is None or not close:
        return ohlcv, None
    times = pd.to_datetime(own.opens, unit="ms", utc=True)
    values = pd.to_numeric(ohlcv.iloc[:, close[0]], errors="coerce").to_numpy(dtype=np.float64)
    sealed = seals.sealed_from(session, data, pd.DataFrame({"timestamp": times, "close": values}), timeframe)
    return (ohlcv[np.asarray(times < pd.Timestamp(sealed))], sealed) if sealed else (ohlcv, None)


def _code(file: str) -> tuple[Path, str]:
    name, colon, function = file.rpartition(":")
    if not colon or "/" in function or function.endswith(".py"):
        name, function = file, USUAL
    path = Path(name)
    if not path.is_file():
        raise UsageError("there is no such file", where=name, hint="FILE.py or FILE.py:function")
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError("the file is no Python text", where=name, hint="FILE.py or FILE.py:function") from None
    if not function.isidentifier():
        raise UsageError(f"{function!r} is no name of a function", where=file)
    return path, function


def _named(text: str) -> tuple[str, pd.DataFrame]:
    name, equals, file = text.partition("=")
    if not equals or not name or name == "ohlcv":
        raise UsageError(
            f"{text!r} does not name a frame", where="--aux", hint="NAME=FILE, for example btc_4h=btc.parquet"
        )
    return name, table(Path(file))


def table(path: Path) -> pd.DataFrame:
    """Read bars from a file; times in text files are read as times."""
    import pandas as pd

    from crypto_team.data.frame import times
    from crypto_team.data.importing import raw_table
    from crypto_team.features.probes import TIME_NAMES

    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    frame = raw_table(path)
    for column in frame.columns:
        if str(column).lower() in {*TIME_NAMES, "known_at"} and not pd.api.types.is_datetime64_any_dtype(frame[column]):
            frame[column] = times(frame[column], str(path))
    return frame


def _row(item: ColumnVerdict, ohlcv: pd.DataFrame) -> dict[str, Any]:
    from crypto_team.features.probes import source

    opens = source(ohlcv, "data").opens
    return {
        "column": item.column,
        "causal": item.causal,
        "probe": item.probe,
        "cut": item.cut if item.cut >= 0 else None,
        "row": item.row if item.row >= 0 else None,
        "time": _time(int(opens[item.row])) if item.row >= 0 else None,
        "value": _number(item.expected),
        "changed_to": _number(item.got),
        "explanation": item.explanation,
    }


def _time(epoch: int) -> str:
    import pandas as pd

    return str(pd.Timestamp(epoch, unit="ms", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ"))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
