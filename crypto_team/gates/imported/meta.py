"""Read `meta.yaml` and `folds.yaml` of foreign evidence into one checked record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from crypto_team.errors import UnusableEvidenceError
from crypto_team.gates.imported.claims import stated
from crypto_team.gates.imported.contracts import META_ALIASES
from crypto_team.gates.imported.times import moment
from crypto_team.schemas.base import in_words
from crypto_team.schemas.evidence import ImportedFold, ImportedLabel, ImportedMeta
from crypto_team.schemas.ml_spec import Signal

TIMEFRAMES = {
    "60m": "1h",
    "60min": "1h",
    "1H": "1h",
    "1D": "1d",
    "24h": "1d",
    "5min": "5m",
    "15min": "15m",
    "1min": "1m",
}
PARTS = ("train", "inner", "test")
KINDS = {"binary": "direction", "classification": "direction", "sign": "direction", "up": "direction"}
KINDS |= {"regression": "return", "multiclass": "n_class", "ternary": "n_class", "triple_barrier": "other"}


def read_meta(folder: Path) -> ImportedMeta:
    """Read what the tables mean; raise :class:`UnusableEvidenceError` where that is not said."""
    path = folder / "meta.yaml"
    document = _document(path)
    if (folder / "folds.yaml").is_file():
        folds = _document(folder / "folds.yaml")
        document = {**document, "folds": folds.get("folds", folds) if isinstance(folds, dict) else folds}
    _check_folds(document, folder)
    try:
        found = ImportedMeta.model_validate(_named(document))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UnusableEvidenceError(
            f"{field}: {in_words(first)}", where=str(path), hint="schemas/imported_evidence.json has its form"
        ) from error
    _check_times(found, path)
    return found


def _check_folds(document: Mapping[str, Any], folder: Path) -> None:
    """Refuse folds of which nothing can be read: taken as silent, they would count as never told."""
    path = folder / "folds.yaml"
    path = path if path.is_file() else folder / "meta.yaml"
    told = document.get("folds")
    for number, item in enumerate([] if told is None else _listed(told)):
        # A mapping that gives its number only leaves its ranges to the predictions.
        if not isinstance(item, dict) or _fold(item, -1) == {"fold": -1}:
            raise UnusableEvidenceError(
                f"fold number {number} in it is {_shown(item)}: not one field of a fold can be read",
                where=str(path),
                hint="each fold is a mapping, for example {fold: 0, train_start: ..., train_end: ..., test_start: ...}",
            )


def _shown(item: Any) -> str:
    # Aliases make a few characters of YAML as large as they like, so that nested values are not written out.
    if isinstance(item, dict | list):
        return f"a {'mapping' if isinstance(item, dict) else 'list'} of {len(item)} values"
    return repr(item)[:100]


def _check_times(found: ImportedMeta, path: Path) -> None:
    """Refuse single times that are none; ranges of folds become findings where they are read."""
    told = {"holdout_start": found.holdout_start}
    told |= {f"folds: trained_at of fold {fold.fold}": fold.trained_at for fold in found.folds}
    for field, text in told.items():
        if text is None:
            continue
        try:
            moment(text)
        except ValueError as error:
            raise UnusableEvidenceError(
                f"{field}: {error}", where=str(path), hint="ISO times, for example 2025-01-31T00:00:00Z"
            ) from error


def _document(path: Path) -> Any:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "at least timeframe, horizon_bars and cost_bps_per_side; schemas/imported_evidence.json has its form"
        raise UnusableEvidenceError("the evidence has no such file", where=str(path), hint=hint) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnusableEvidenceError(f"not readable as YAML: {error}", where=str(path)) from error
    if not isinstance(found, dict | list) or (isinstance(found, list) and path.name == "meta.yaml"):
        raise UnusableEvidenceError("it should be a mapping of fields to values", where=str(path))
    return found


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document under the names of the schema; what the schema does not know is left out."""
    said = dict(document)
    for wanted, others in META_ALIASES.items():
        other = next((name for name in others if name in said), None)
        if wanted not in said and other is not None:
            said[wanted] = said[other]
    made = {name: said[name] for name in ImportedMeta.model_fields if said.get(name) is not None}
    made |= {
        "timeframe": TIMEFRAMES.get(str(made.get("timeframe")), made.get("timeframe")),
        "label": _label(made.get("label"), said),
        "folds": [_fold(item, number) for number, item in enumerate(_listed(made.get("folds", [])))],
        "calibration": _calibration(made.get("calibration")),
        "claims": stated(made.get("claims")),
        "versions": {str(name): str(value) for name, value in _mapping(made.get("versions")).items()},
        "dataset_hashes": [str(each) for each in _listed(made.get("dataset_hashes", []))],
        "feature_names": [str(each) for each in _listed(made.get("feature_names", []))],
        "signal": _signal(made.get("signal")),
        "holdout_start": _holdout(made.get("holdout_start")),
        "n_trials": len(made["n_trials"]) if isinstance(made.get("n_trials"), list) else made.get("n_trials"),
        "strategy": _name(made.get("strategy", "imported")),
        "model": _name(made.get("model", "unknown")),
        "cost_bps_per_side": _real(made.get("cost_bps_per_side")),
        "periods_per_year": _real(made.get("periods_per_year")),
    }
    return {name: value for name, value in made.items() if value is not None}


def _real(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _name(value: Any) -> str:
    return str(value.get("name", "unknown") if isinstance(value, dict) else value)[:500] or "unknown"


def _holdout(value: Any) -> str | None:
    return _text(value.get("start") if isinstance(value, dict) else value)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _calibration(value: Any) -> str:
    told = str(value.get("method", "unknown") if isinstance(value, dict) else value or "unknown").lower()
    names = {"sigmoid": "platt", "platt": "platt", "isotonic": "isotonic", "beta": "beta", "none": "none"}
    names |= {"line": "line", "linear": "line"}
    return names.get(told, "temperature" if told.startswith("temp") else "unknown")


def _label(value: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    told = value if isinstance(value, dict) else {"definition": "" if value is None else str(value)}
    kind = str(told.get("kind") or told.get("type") or "").lower()
    thresholds = told.get("thresholds_bps") or told.get("thresholds") or said.get("thresholds_bps") or []
    thresholds = sorted(float(each) for each in _listed(thresholds) if isinstance(each, int | float))
    if not kind:
        text = str(told.get("definition", "")).lower()
        kind = (
            "other" if re.search(r"barrier|volatil|quantile|custom", text) else "n_class" if thresholds else "direction"
        )
    kind = KINDS.get(kind, kind)
    known = ImportedLabel.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
    if kind not in known or (kind == "n_class" and not thresholds):
        kind = "other"
    thresholds = thresholds if kind == "n_class" else []
    return {"kind": kind, "thresholds_bps": thresholds, "definition": str(told.get("definition", ""))[:500]}


def _signal(value: Any) -> dict[str, Any] | None:
    """Return the rule where it says at least where to enter and leave; else positions count as they are stored."""
    if not isinstance(value, dict) or not {"entry_threshold", "exit_threshold"} <= set(value):
        return None
    rule = {name: value[name] for name in Signal.model_fields if name in value}
    return rule | {name: float(rule[name]) for name in ("entry_threshold", "exit_threshold")}


def _fold(item: Any, number: int) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {"fold": number}
    made: dict[str, Any] = {"fold": item.get("fold", item.get("id", item.get("number", number)))}
    for part in PARTS:
        span = item.get(part, item.get(f"{part}_range"))
        if isinstance(span, dict):
            begin = span.get("start", span.get("from"))
            end = span.get("end", span.get("to"))
        else:
            begin, end = (span[0], span[1]) if isinstance(span, list | tuple) and len(span) == 2 else (None, None)
        made[f"{part}_start"] = _text(item.get(f"{part}_start", item.get(f"{part}_from", begin)))
        made[f"{part}_end"] = _text(item.get(f"{part}_end", item.get(f"{part}_to", end)))
    made["gap_bars"] = item.get("gap_bars", item.get("gap"))
    made["train_rows"] = item.get("train_rows", item.get("n_train"))
    chosen = item.get("selected", item.get("selected_features", item.get("features")))
    made["selected"] = [str(each) for each in chosen] if isinstance(chosen, list) else None
    made["trained_at"] = _text(item.get("trained_at", item.get("trained_until", item.get("model_trained_at"))))
    return {name: value for name, value in made.items() if name in ImportedFold.model_fields and value is not None}
