"""The audit of any Freqtrade strategy, with or without a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.errors import InputError
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.freqtrade.diagnose import Diagnosis
    from crypto_team.freqtrade.diagnose_judge import Evidence
    from crypto_team.tools.session import Session

MOST_SHOWN, MOST_NAMED = 40, 3
UNUSED = "no signal and no callback reads it: without it, and whatever it holds, all of them stay the same"


@tool(role=None, read_only=True, long=True)
def diagnose(
    session: Session,
    file: Path,
    *,
    data: Path | None = None,
    strategy: str = "",
    config: Path | None = None,
    pair: list[str] | None = None,
    seed: int = 0,
) -> Outcome:
    """Look for knowledge of the future in any Freqtrade strategy: 0 clean, 1 leaks or unproven, 2 wrong call.

    The strategy runs in real Freqtrade, offline, in guarded processes, again and again with another future: cut at the
    close of every file's candles, another path, other prices, other order, nothing known. What it computed or answered
    up to the cut may not change. A late start of the history, repeated calls and stored models are looked at too.

    Parameters
    ----------
    file
        Python file with an IStrategy; files beside it, such as models, go along.
    data
        Data directory in Freqtrade's format; without one random candles are made.
    strategy
        Name of the class, where the file holds several.
    config
        Freqtrade configuration, for settings that the strategy reads; exchange and keys in it are not used.
    pair
        Pair to trade; repeat for several. Without it all pairs that have candles.
    seed
        Seed of cuts and replaced futures.
    """
    from crypto_team.freqtrade.diagnose import diagnose as audit

    path = session.folder / file
    if not path.is_file():
        raise InputError("there is no such file", where=str(file))
    folder = session.folder / data if data else None
    if folder is not None and not folder.is_dir():
        raise InputError("there is no such data directory", where=str(data))
    found = audit(
        path,
        folder,
        class_name=strategy or None,
        config=session.folder / config if config else None,
        pairs=tuple(pair or ()),
        seed=seed,
        progress=session.progress,
    )
    return _outcome(found, path.name)


def _outcome(found: Diagnosis, file: str) -> Outcome:
    guilty = [item for item in found.evidence if item.matters and item.kind != "startup"]
    findings = [_finding(item, file) for item in found.evidence[:MOST_SHOWN]]
    findings += [Finding(code="not-proven", severity="warning", message=text, file=file) for text in found.notes]
    findings += [
        Finding(code="worth-a-look", severity="info", message=item.reason, file=file, line=item.line)
        for item in (found.hints if guilty else ())
    ]
    tried = f"{found.probes} other futures, {found.candles:,} candles of {len(found.pairs)} pair(s)"
    tried += ", random candles" if found.synthetic else ""
    names = ", ".join(dict.fromkeys(item.what for item in guilty[:8]))
    said = {
        "leaks": f"{found.class_name} knows what it cannot know: {names} ({tried})",
        "clean": f"{found.class_name}: {_nothing_decides(found)} ({tried})",
        "unproven": f"{found.class_name}: nothing is proven, see the notes",
    }
    return Outcome(
        ok=found.verdict == "clean",
        summary=said[found.verdict],
        data=_data(found),
        findings=findings,
        exit_code=0 if found.verdict == "clean" else 1,
    )


def _nothing_decides(found: Diagnosis) -> str:
    """Say what a clean verdict rests on: nothing was seen to look ahead, or nothing reads what does."""
    names = list(dict.fromkeys(item.what for item in found.evidence if item.kind != "startup"))
    if not names:
        return "no knowledge of the future found"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more} look(s) ahead, and no signal and no callback reads it"


def _data(found: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "strategy": found.class_name,
        "timeframe": found.timeframe,
        "pairs": list(found.pairs),
        "candles": found.candles,
        "probes": found.probes,
        "synthetic": found.synthetic,
        "evidence": [
            {
                "kind": item.kind,
                "what": item.what,
                "pair": item.pair,
                "time": item.time,
                "value": item.value,
                "changed_to": item.changed_to,
                "probe": item.probe,
                "candles": item.count,
                "decides": item.matters,
            }
            for item in found.evidence
        ],
        "hints": [{"line": item.line, "reason": item.reason} for item in found.hints],
        "models": [
            {
                "file": item.name,
                "sha256": item.sha256,
                "trained_until": item.trained_until.isoformat() if item.trained_until is not None else None,
            }
            for item in found.models
        ],
    }


def _finding(item: Evidence, file: str) -> Finding:
    codes = {"leak": "look-ahead", "state": "hidden-state", "startup": "start-of-history"}
    hints = {
        "leak": "use only what was known at the close of the candle",
        "state": "compute every value from the candles given, keep nothing between calls, fix seeds",
        "startup": "raise startup_candle_count, or use windows of fixed length",
    }
    # Where only the start of the history is another one, nothing looks ahead, whoever reads the column.
    told = item.matters or item.kind == "startup"
    code = codes[item.kind] if told else "looks-ahead-unused"
    return Finding(
        code=code,
        severity="error" if item.matters and item.kind != "startup" else "warning",
        message=f"{item.what} of {item.pair} at {item.time or 'all candles'}: {item.value}, but {item.changed_to} "
        f"({item.probe}, {item.count} candle(s))",
        file=file,
        hint=hints[item.kind] if told else UNUSED,
    )
